# shellcheck shell=sh disable=SC2016,SC2154
# A client draws, and what is on the screen afterwards is the same. Without -noreset the end of a client that asks about
# windows would take those with it that are just coming.
start_quiet Xvfb -displayfd 3 -screen 0 640x480x24 -nolisten tcp -noreset 3> display
until_true test -s display
DISPLAY=:$(cat display)
export DISPLAY
LD_PRELOAD=$preload xlogo -geometry 300x300+10+10 &
client=$!
until_true sh -c 'xwininfo -name xlogo | grep -q IsViewable'
until_true sh -c 'xwd -root -silent > before && sleep 0.5 && xwd -root -silent | cmp - before && [ $(tr -d "\000" < before | wc -c) -gt 1000 ]'
tail -c 1228800 before | cksum
agree "$client"
kill "$client"
ended "$client"
stop
