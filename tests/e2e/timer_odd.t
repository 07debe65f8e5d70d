#!/bin/sh
# Timers of every kind: who made them, what they do next, and that the deleted are gone.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/kinds.sh"
need jq nm

mode() {
  "$PROGS/timer_odd" "$1" > "$1.plain" 2>&1 < /dev/null
  plain=$?
  profiled "$1" "$PROGS/timer_odd" "$1" < /dev/null
  is "$1: status and output are the program's own" "$status $(cat "$1.out" "$1.err")" "$plain $(cat "$1.plain")"
  records "$(snaps "$1" | head -n 1)"
}
# timer FUNCTION: "KIND FLAGS SIGEV INTERVAL_S REMAINING_S"; the remaining time to the tenth of 100 s.
timer() {
  q ".timers[] | select(.stack[0] == \"$1\") | \"\(.kind) \(.flags | join(\",\")) \(.notify - 1) \(.interval_ns / 1000000000) \((.remaining_ns / 10000000000 | ceil) * 10)\""
}

mode kinds
is "made, and never set" "$(timer make_plain)" "posix  0 0 0"
is "deleted" "$(timer make_deleted)$(q '.timer_sums[] | select(.stack[0] == "make_deleted") | "\(.created) \(.deleted)"')" "1 1"
is "SIGEV_NONE, armed" "$(timer make_none)" "posix armed 1 100 1000"
is "SIGEV_SIGNAL, that has fired, and was set again" "$(timer make_signal)" "posix armed 0 0 500"
is "SIGEV_THREAD_ID" "$(timer make_tid)" "posix  4 0 0"
is "SIGEV_THREAD" "$(timer make_thread)" "posix  2 0 0"
is "disarmed" "$(timer make_disarmed)" "posix  0 0 0"
is "an absolute time" "$(timer make_absolute)" "posix armed 0 0 1000"
is "an absolute time that has passed" "$(timer make_past)" "posix fired 1 0 0"
is "CPU time is not the wall's" "$(timer make_cpu)" "posix armed 0 8 10"
is "timerfd: the kernel's figures" "$(timer make_fd)" "timerfd armed,fired -1 0.001 0"
like "which nobody reads" "$(q '.timers[] | select(.stack[0] == "make_fd") | .expirations')" "^[1-9]"
is "alarm, setitimer: one of each kind" \
  "$(q '[.timers[] | select(.kind == "itimer") | "\(.id) \(.stack[0]) \(.flags | join(",")) \(.interval_ns / 1000000000)"] | sort | join("; ")')" \
  "0 make_itimer armed 0; 1 make_itimer armed 0; 2 make_itimer armed 100"
is "who made them" "$(q '[.timers[].task] | unique | join(" ")')" 1
records "$(snaps kinds | sed -n 2p)"
is "an alarm that has gone off is none any more" "$(q '[.timers[] | select(.kind == "itimer" and .id == 0)] | length')" 0

mode storm
is "one of 2000 stays, and is what it was set to" \
  "$(q '.timers[] | select(.stack[0] == "make_many") | "\(.flags | join(",")) \((.remaining_ns / 1000000000 | ceil) > 990)"')" "armed true"
is "all others are deleted" "$(q '[.timers[] | select(.kind == "posix")] | length') $(q '.audit.lost_timers')" "2 0"
is "one that a handler sets is armed" "$(q '.timers[] | select(.stack[0] == "storm" and .kind == "posix") | .flags | join(",")')" "armed"

mode forked
for s in $(snaps forked); do
  records "$s"
  case $(q '[.timers[].stack[0]] | sort | join(" ")') in
    make_deleted) child=$s ;;
    "forked make_none") parent=$s ;;
  esac
done
ok "fork: the child has its own timers, the parent its own" test -n "${child:-}" -a -n "${parent:-}"
done_testing
