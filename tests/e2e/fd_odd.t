#!/bin/sh
# Descriptors that are closed twice, by others, unseen, in children, in handlers; and that the program sees no difference.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/kinds.sh"
need jq nm

# mode NAME: runs it plain and profiled; the snapshot that it took itself is in records.json, its output in $cases.
mode() {
  "$PROGS/fd_odd" "$1" > "$1.plain" 2> "$1.plain.err" < /dev/null
  plain=$?
  profiled "$1" "$PROGS/fd_odd" "$1" < /dev/null
  is "$1: status and output are the program's own" "$status $(cat "$1.out" "$1.err")" "$plain $(cat "$1.plain" "$1.plain.err")"
  cases=$1.out
  records "$(snaps "$1" | head -n 1)"
}
opened_closed() {
  q '[.fd_sums[] | select(.stack[0] == "open_null")] | "\(map(.opened) | add) \(map(.closed) | add)"'
}
bads() {
  q '.bad | map("\(.what) \(.stack[0]) \(.before[0]) \(.count)") | join("; ")'
}
drift() {
  q '.audit | "\(.fds_unseen) \(.fds_vanished) \(.lost_fds)"'
}

mode double_close
is "a double close is told with both stacks" "$(bads)" "1 close_again close_first 1"
mode reopened
is "a close of a number that another has opened since: its owner's close tells" "$(bads)" "1 close_again close_first 1"
mode foreign_close
is "close of a stream's number" "$(bads)" "2 close_again foreign_close 1"
mode sweep
is "who closes all numbers there could be does no wrong" "$(bads)" ""
mode loop_twice
is "a loop that closes its own descriptors twice does" "$(bads)" "1 close_all close_all 4"
mode child_sweep
is "a child that closes its parent's numbers and streams does not" "$(bads)" ""
is "and they are the parent's still" "$(fd_row 3)" "child_sweep device stream"
records "$(snaps child_sweep | tail -n 1)"
is "nor is it told of the child" "$(bads)" ""

mode unseen
is "a descriptor of a raw system call is unseen" "$(fd_row "$(fd_of raw)")" "null device unseen"
is "which the audit counts" "$(drift)" "1 0 0"
mode vanished
is "one that was closed unseen is not shown, but counted" "$(q '[.fds[] | select(.fd > 2)] | length') $(drift)" "0 0 1 0"
mode number_reused
is "at first the numbers are what was opened" "$(fd_row "$(fd_of reused)"), $(fd_row "$(fd_of reused_socket)")" \
  "number_reused file, number_reused socket"
records "$(snaps number_reused | sed -n 2p)"
is "a number that was reopened unseen has no stack" "$(fd_row "$(fd_of reused)"), $(fd_row "$(fd_of reused_socket)")" \
  "null file unseen, null file unseen"
records "$(snaps number_reused | sed -n 3p)"
is "nor has it at the next look" "$(fd_row "$(fd_of reused)"), $(fd_row "$(fd_of reused_socket)")" \
  "null file unseen, null file unseen"
mode closed_unseen
is "what a birth was seen over is closed" "$(opened_closed)" "11 10"

for how in vfork old_vfork clone; do
  mode by_$how
  is "a $how child's calls leave the parent's table alone" \
    "$(q '[.fds[] | select(.fd > 2) | "\(.fd) \(.stack[0])"] | join(", ")')" "3 open_null, 4 open_null, 5 open_null"
  is "without a drift ($how)" "$(drift)" "0 0 0"
done
mode by_fork
flags_of() {
  q '[.fds[] | select(.fd > 2) | "\(.fd) \(.flags | join(","))"] | join("; ")'
}
for s in $(snaps by_fork); do
  records "$s"
  if [ "$(q '.fds[] | select(.fd == 4) | .flags | join(",")')" = inherited ]; then
    child=$s
  else
    is "fork: the parent has its own" "$(flags_of)" "3 ; 4 ; 5 "
  fi
done
records "$child"
is "fork: the child inherits, and has its own" "$(flags_of)" \
  "3 ; 4 inherited; 5 inherited"
is "fork: the child's sums are its own" "$(opened_closed)" "1 0"
mode by_exec
records "$(snaps by_exec | tail -n 1)"
is "exec: the next image inherits what is not closed on exec" \
  "$(q '[.fds[] | select(.fd > 2) | "\(.fd) \(.flags | join(","))"] | join("; ")')" "3 inherited; 4 ; 5 inherited"

mode dups
is "dup2 onto itself and failed ones leave it as it is" "$(fd_row "$(fd_of untouched)")" "open_null device"
is "dup2 over an open number: a death and a birth" "$(fd_row "$(fd_of replaced)")" "dups device dup"
is "which is a close of the one before" "$(opened_closed)" "2 1"
mode failures
is "failures leave nothing behind" "$(q '[.fds[] | select(.fd > 2)] | length') $(drift) $(bads)" "0 0 0 0 "
mode freopen_fails
is "freopen that fails has closed" "$(fd_row "$(fd_of again)")" "open_null device"
is "without a drift (freopen)" "$(drift)" "0 0 0"
mode popen_fclose
is "fclose of popen's stream closes it" "$(q '[.fds[] | select(.fd > 2 and (.flags | index("inherited") | not))] | length')" 0
is "as often as it was opened, without a drift" \
  "$(q '[.fd_sums[] | select(.stack[0] == "popen_fclose") | "\(.opened) \(.closed)"] | join(" ")') $(drift) $(bads)" "1 1 0 0 0 "
mode in_handler
is "opened and closed in signal handlers: exact" "$(q '[.fd_sums[] | .opened - .closed] | add') $(drift)" "0 0 0 0"
mode in_threads
worst=0
for s in $(snaps in_threads); do
  records "$s"
  drifted=$(q '.audit | .fds_unseen + .fds_vanished + .lost_fds')
  [ "$drifted" -le "$worst" ] || worst=$drifted
done
# A thread that is stopped between the kernel's answer and our note of it has two of a pipe there.
ok "four threads open and close: $worst of drift while they do" test "$worst" -le 8
is "and none when they are done" "$(q '[.fds[] | select(.fd > 2)] | length') $(drift) $(bads)" "0 0 0 0 "
mode many
is "as many as there may be, up to 2^17" \
  "$(q '[.fds[] | select(.stack[0] == "open_null")] | length') $(drift)" "$(fd_of opened) 0 0 0"
records "$(snaps many | sed -n 2p)"
is "and nearly all of them closed" "$(q '[.fds[] | select(.stack[0] == "open_null")] | length') $(drift)" "3 0 0 0"
mode full_soft
is "a program that has no more descriptors" \
  "$(q '[.fds[] | select(.stack[0] == "open_null" and .names == "/dev/null")] | length') $(drift)" "37 0 0 0"
mode full_hard
is "and cannot have more: what the table knows" \
  "$(q '[.fds[] | select(.stack[0] == "open_null")] | length') $(drift)" "37 0 0 0"
mode cancelled
done_testing
