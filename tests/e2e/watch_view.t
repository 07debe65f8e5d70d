#!/bin/sh
# The live view, through a terminal: what it shows, its keys, its sizes; and the program, which must not notice.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need tmux jq

export LC_ALL=C.UTF-8
# A server of its own: the user's sessions are none of ours. And one of its own for each session: a server that was told to end
# may still take the next client, and ends under it.
server=1
tm() { tmux -L "outlive-test-$$-$server" -f /dev/null "$@"; }
screen() { tm capture-pane -p; }
shows() { screen | grep -qE -- "$1"; }
end_session() {
  tm kill-server 2> /dev/null
  server=$((server + 1))
}
ends_tmux() {
  end_session
  tidy_up
}
trap ends_tmux EXIT
# keys KEY... SHOWS: presses them, and waits until the screen says so.
keys() {
  while [ $# -gt 1 ]; do
    tm send-keys "$1"
    shift
  done
  wait_for shows "$1"
}

mkdir snaps
OUTLIVE_OPTIONS=out=$dir/snaps driven "$PROGS/heap_server"
driven_pid=$pid
hear idle
say go
tm new-session -d -x 120 -y 30 "'$OUTLIVE' watch --every 500ms $pid; echo status \$?; sleep 60"
ok "who, and since when" wait_for shows "^heap_server \(pid $pid\) .*growth of the last"
ok "the four kinds" wait_for shows '^threads +[0-9]+ +timers +[0-9]+ +descriptors +[0-9]+'
ok "the heap, and its rate" wait_for shows '^heap +[0-9.]+ [kMG]?B in [0-9.]+ ?[kM]? blocks.*/s, .*/s'
ok "rows of the heap" wait_for shows '^ +alloc +inuse +allocs +inuse #'
ok "? tells the keys" keys '?' 'choose a row'
ok "and goes away" keys '?' '^ +alloc +inuse'
ok "2 shows threads" keys 2 '^threads: 1 alive'
ok "4 shows descriptors" keys 4 '^descriptors: [0-9]+ open'
ok "Tab goes round" keys Tab '^ +alloc +inuse'
ok "Enter shows the whole stack" keys Enter '^alloc_space '
ok "Escape goes back" keys Escape '^ +alloc +inuse'
ok "p pauses" keys p 'PAUSED'
tm send-keys p
# For less than a second, which a busy machine may not show.
marked() {
  tm send-keys m
  for look in 1 2 3 4 5; do
    shows 'growth of the last (0 |[0-9.]+ ms)' && return
    sleep 0.1
  done
  return 1
}
ok "m marks" wait_for marked
tm resize-window -x 80 -y 24
ok "80x24: all is there" wait_for shows '^q quit +m mark'
is "and no line is longer" "$(screen | awk 'length > 80' | wc -l)" 0
tm resize-window -x 20 -y 5
sleep 0.5
tm resize-window -x 100 -y 30
ok "a tiny window is survived" wait_for shows '^threads +[0-9]+ +timers'
ok "q leaves" keys q '^status 0'
ok "the program lives" alive $driven_pid
is "and none of the looks' files is left" "$(find snaps -type f | wc -l)" 0
end_session
stop_pid $driven_pid

# The command has a session of its own, and would outlive a test that fails: it ends by itself.
tm new-session -d -x 100 -y 30 "'$OUTLIVE' watch --every 500ms -- sqlite3 :memory: 'with recursive c(x) as
  (select 1 union all select x+1 from c limit 100000000) select count(*) from c'; sleep 60"
ok "a command is started and watched" wait_for shows '^sqlite3 \(pid [0-9]+\)'
watched=$(screen | sed -n 's/^sqlite3 (pid \([0-9]*\)).*/\1/p')
kill -9 "${watched:?nothing is watched}"
ok "its end is told, and what was seen stays on the screen" wait_for shows 'there is no process [0-9]+'
ok "q leaves, and says where its output is" keys q 'has ended; what it printed is in /tmp/outlive-watch'
rm -f "$(screen | sed -n 's|.*is in \(/tmp/outlive-watch[^ ]*\).*|\1|p')"
rm -f /dev/shm/outlive."$watched".ctl
end_session

status_is "no terminal: usage" 2 "$OUTLIVE" watch $$
like "and what prints instead" "$(cat err)" 'diff --live'
tm new-session -d -x 100 -y 30 "'$OUTLIVE' watch $$; echo status \$?; sleep 60"
ok "a process without the library is told on the terminal itself" wait_for shows 'status 3'
ok "in a sentence" wait_for shows 'liboutlive.so'
done_testing
