#!/bin/sh
# The option trace: rings that are full, threads that are many, cancellation, handlers, forks; and the program sees nothing of it.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/trace.sh"
need python3

# mode NAME N: plain, and with a trace of N; what was read of its last snapshot is in the file NAME.
mode() {
  "$PROGS/trace_odd" "$1" > "$1.plain" 2>&1 < /dev/null
  plain=$?
  traced "$2" "$1.d" "$PROGS/trace_odd" "$1"
  is "$1: status and output are the program's own" "$status $(cat "$1.d.out")" "$plain $(cat "$1.plain")"
  ok "$1: a viewer can read it" spans "$(snaps "$1.d" trace_odd | tail -n 1)" "$1"
}
# thread FILE FUNCTION: "WAITS NOT_KEPT" of those that run it
thread() {
  awk -F '\t' -v f="$2" '$1 == "thread" && $4 == f { print $7, $8 }' "$1"
}

mode overflow 10
is "a full ring keeps the latest, a power of two" "$(waits overflow many_waits | sort | uniq -c | tr -s ' ')" " 16 sleep|sleep|ended"
is "and says how many it has not kept" "$(thread overflow many_waits)" "100 84"
is "as a slice of its own" \
  "$(json overflow.json '[e["name"] for e in d["traceEvents"] if e.get("cat") == "not kept"]')" "['84 earlier waits, not kept']"
like "info tells what it takes" "$("$OUTLIVE" info "$(snaps overflow.d trace_odd)")" 'trace .*16 waits of each thread'

mode threads 64
is "200 threads at once: each has its track" "$(awk -F '\t' '$1 == "thread" && $4 == "one_wait"' threads | wc -l)" 200
is "200 threads: what each has waited for" "$(waits threads one_wait | sort | uniq -c | awk '$2 ~ /^sleep/ { print $1, $2 }')" "200 sleep|sleep|ended"

# A ring of 32,768 waits takes 1 MB, and all together 64 MB.
mode turns 32768
rings=$(awk -F '\t' '$1 == "thread" && $4 == "one_wait"' turns | wc -l)
ok "all rings have a bound: $rings threads are left of 200" test "$rings" -ge 60 -a "$rings" -le 64
like "the others are told" "$("$OUTLIVE" info "$(snaps turns.d trace_odd)")" "waits of $((200 - rings)) ended threads had to make room"
traced 32768 crowd.d "$PROGS/trace_odd" threads
like "threads that live keep theirs, others get none" "$("$OUTLIVE" info "$(snaps crowd.d)")" '[0-9]+ threads found no room'

mode cancel 16
is "a wait that is cancelled ends with its thread" \
  "$(awk -F '\t' '$1 == "wait" && $3 ~ /^c_/ && $3 != "c_pending" && $6 == "left" { print $3 }' cancel | sort -u | wc -l)" 21
is "and is the only one" "$(awk -F '\t' '$1 == "wait" && $3 ~ /^c_/ && $3 != "c_pending" && $6 != "left"' cancel)" ""
mode async 16
"$PROGS/trace_results" > results.plain
traced 256 results.d "$PROGS/trace_results"
is "results and errno are libc's" "$status $(cat results.d.out)" "0 $(cat results.plain)"
mode handlers 64
is "a handler's wait lies within the one that it interrupts" "$(waits handlers interrupted)" "condition variable|condition variable 0x|ended"
is "and is one" "$(waits handlers waits_in_handler | sort -u)" "sleep|sleep|ended"
is "a wait that longjmp has left is over by the next one" "$(waits handlers left_by_longjmp)" "signal|wait for a signal|left"
is "which is told" "$(waits handlers goes_on)" "sleep|sleep|ended"
mode fork 64
snaps fork.d trace_odd > files
for f in $(cat files); do
  spans "$f" "one" || continue
  case $(waits one child_thread) in
    '') parent=$(awk -F '\t' '$1 == "thread" { print $4 }' one | sort | tr '\n' ' ') ;;
    *) child=$(awk -F '\t' '$1 == "thread" { print $4 }' one | sort | tr '\n' ' ') before=$(waits one forks) ;;
  esac
done
is "a fork's child has threads of its own" "$child" "child_thread trace_odd "
like "and no waits of its parent's" "$before" '^join'
unlike "none from before the fork" "$before" '^sleep'
is "and the parent has none of its child's" "$parent" "one_wait trace_odd "
mode open 64
spans "$(snaps open.d trace_odd | head -n 1)" first
is "a wait that goes on" "$(waits first reads)" "read|read fd 3|open"
is "is over in a later snapshot" "$(waits open reads)" "read|read fd 3|ended"

done_testing
