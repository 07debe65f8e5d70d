#!/bin/sh
# A request for a snapshot does not outlive the program that it is for: what that becomes by exec has no handler for it yet.
. "$(dirname "$0")/lib.sh"

mkfifo input
exec 9<> input
OUTLIVE_OPTIONS=out=$dir/files LD_PRELOAD=$LIB "$PROGS/sig_exec" < input > program.log 2>&1 &
program=$!
pids="$pids $program"
wait_for grep -q ready program.log
is_waiting() {
  grep -q '^State:.D' "/proc/$program/status"
}
wait_for is_waiting
background "$OUTLIVE" snapshot --timeout 60s "$program"
asker=$pid
is_pending() {
  grep -q '^ShdPnd:.*[1-9a-f]' "/proc/$program/status"
}
wait_for is_pending
ok "the request is pending" true
echo >&9
wait "$program"
is "exec drops it" $? 0
like "and the new image runs to its end" "$(cat "program.log")" '^the new image lives'
wait "$asker"
ok "who asked is told, or has a snapshot" test $? -lt 4
done_testing
