#!/bin/sh
# A request for a snapshot does not outlive the program that it is for: what that becomes by exec has no handler for it
# yet. So it is not left to the kernel which thread gets it: the first one, which waits for its vfork child, cannot take it.
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
"$OUTLIVE" snapshot --timeout 60s "$program" > asked 2>&1
is "another thread takes it" "$? $(sed 's/.*\.snap$/a file/' asked)" "0 a file"
is "no request is pending" "$(cat "/proc/$program"/task/*/status | grep -c 'Pnd:.*[1-9a-f]')" 0
echo >&9
wait "$program"
is "the program ends well" $? 0
like "as the new image" "$(cat program.log)" '^the new image lives'
done_testing
