#!/bin/sh
# The HTML report in a real browser: what it shows, how it is used, hostile names, a hundred thousand stacks.
. "$(dirname "$0")/lib.sh"
need chromium
export XDG_CACHE_HOME="$PWD/cache"
make_snap() { /usr/bin/python3 "$ROOT/tests/e2e/makesnap.py" "$1" "$1.snap"; }

LD_PRELOAD=$LIB OUTLIVE_OPTIONS="out=$PWD/shop" "$PROGS/look_shop" > out 2>&1
LD_PRELOAD=$LIB OUTLIVE_OPTIONS="out=$PWD/left" "$PROGS/kind_left" > out 2>&1
LD_PRELOAD=$LIB OUTLIVE_OPTIONS="out=$PWD/trace,trace=16" "$PROGS/trace_odd" open > out 2>&1
LD_PRELOAD=$LIB OUTLIVE_OPTIONS="out=$PWD/lost,reach=exit" "$PROGS/check_heap" lost > out 2>&1
for what in hostile large before after; do make_snap $what; done

ok "report of a real program" "$OUTLIVE" report --source-path "$ROOT" -o shop.html "$(snaps shop)"
is "its file's name is printed" "$(cat out)" shop.html
ok "of what is left" "$OUTLIVE" report -o left.html "$(snaps left)"
ok "of waits" "$OUTLIVE" report -o trace.html "$(snaps trace | head -n 1)"
ok "of lost blocks" "$OUTLIVE" report -o lost.html "$(snaps lost)"
ok "of hostile names" "$OUTLIVE" report -o hostile.html hostile.snap
ok "of a hundred thousand stacks" "$OUTLIVE" report -o large.html large.snap
ok "of two snapshots" "$OUTLIVE" report -o pair.html after.snap before.snap
ok "of two, the base named" "$OUTLIVE" report --base before.snap -o - after.snap
is "is the same" "$(cksum < out)" "$(cksum < pair.html)"
ok "snapshots of another process, too" "$OUTLIVE" report -o mixed.html hostile.snap before.snap after.snap large.snap
like "are not what it is held against, and are left out" "$(tr ',' '\n' < mixed.html)" '"other_snapshots": 3'
is "the page without data is under 1 MB" "$([ "$(wc -c < hostile.html)" -lt 1000000 ] && echo yes)" yes
is "no name ends the data: one </script> for each script" \
  "$(grep -o '</script' hostile.html | wc -l) $(grep -o '<script' hostile.html | wc -l)" "2 2"
is "nothing is loaded from anywhere" "$(grep -cE '(src|href)="?https?:|@import|url\(http' shop.html)" 0
status_is "a full disk" 3 "$OUTLIVE" report -o /dev/full hostile.snap
status_is "no folder for it" 3 "$OUTLIVE" report -o nowhere/x.html hostile.snap
is "and nothing is left behind" "$(find . -name 'x.html*')" ""

/usr/bin/python3 -B "$ROOT/tests/e2e/report_page.py" > steps 2> steps.err
result $? "the browser's steps run to their end" || note "$(tail -n 5 steps.err)"
while IFS='	' read -r step_status step_name; do
  [ "$step_status" = note ] && { note "$step_name"; continue; }
  result "$step_status" "$step_name"
done < steps
done_testing
