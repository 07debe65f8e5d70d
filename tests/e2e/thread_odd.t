#!/bin/sh
# Threads in every way that they are made, end and are given back; those that others make; and that the program sees no difference.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/kinds.sh"
need jq nm

# mode NAME: runs it plain and profiled; its own snapshot is in records.json, its output in $cases.
mode() {
  "$PROGS/thread_odd" "$1" > "$1.plain" 2>&1 < /dev/null
  plain=$?
  profiled "$1" "$PROGS/thread_odd" "$1" < /dev/null
  cases=$1.out
  is "$1: status and output are the program's own" "$status $(grep -v '^task ' "$cases") $(cat "$1.err")" \
    "$plain $(grep -v '^task ' "$1.plain") "
  records "$(snaps "$1" | head -n 1)"
}
same_tasks() {
  is "$1: those alive are those of /proc" "$(q '[.threads[] | select(.state == "running") | .tid] | sort | join(" ")')" \
    "$(sed -n 's/^task //p' "$cases" | sort -n | tr '\n' ' ' | sed 's/ $//')"
}
drift() {
  q '.audit | "\(.threads_unseen) \(.threads_vanished) \(.lost_threads)"'
}
# given_back CASE: "COUNT JOINED DETACHED START" of those made in make_CASE
given_back() {
  q ".thread_sums[] | select(.stack[0] == \"make_$1\") | \"\(.count) \(.joined) \(.detached) \(.start)\""
}
# alive FUNCTION: "STATE FLAGS START" of those made there
made_in() {
  q ".threads[] | select(.stack[0] == \"$1\") | \"\(.state) \(.flags | join(\",\")) \(.start)\""
}

mode ways
is "returns, joined" "$(given_back joined)" "1 1 0 at_once"
is "pthread_exit, joined" "$(given_back exits)" "1 1 0 by_exit"
is "cancelled, joined" "$(given_back cancelled)" "1 1 0 waits"
is "pthread_tryjoin_np: the one that succeeds" "$(given_back tryjoined)" "1 1 0 when_told"
is "pthread_timedjoin_np: the one that succeeds" "$(given_back timedjoined)" "1 1 0 when_told"
is "pthread_clockjoin_np" "$(given_back clockjoined)" "1 1 0 at_once"
is "thrd_create, thrd_join" "$(given_back c11_joined)" "1 1 0 c11"
is "thrd_detach" "$(given_back c11_detached)" "1 0 1 c11"
is "pthread_detach" "$(given_back detached)" "1 0 1 at_once"
is "created detached" "$(given_back born_detached)" "1 0 1 at_once"
is "detaches itself" "$(given_back self_detached)" "1 0 1 self_detached"
is "one that could not be made is none" "$(given_back refused)$(made_in make_refused)" ""
is "runs still" "$(made_in make_running)" "running  waits"
is "its name, and who made it" "$(q '.threads[] | select(.stack[0] == "make_running") | "\(.name) \(.creator)"')" "waits-for-ever 1"
is "ended, neither joined nor detached: each of three" "$(made_in make_unjoined | sort -u) $(made_in make_unjoined | wc -l)" "ended  at_once 3"
is "which hold 8 MB each, or what the limit says" \
  "$(q '[.threads[] | select(.stack[0] == "make_unjoined") | .stack_bytes] | unique | join(" ")')" \
  "$([ "$(ulimit -s)" = unlimited ] && echo 2097152 || echo $(($(ulimit -s) * 1024)))"
is "a stack of a size that was asked for" "$(q '.threads[] | select(.stack[0] == "make_small") | .stack_bytes')" 65536
is "the first thread" "$(q '.threads[] | select(.flags | index("main")) | "\(.serial) \(.state)"')" "1 running"
is "serial numbers are not used twice" "$(q '[.threads[].serial] | (length == (unique | length))')" true
same_tasks ways
is "no thread is unseen, none has vanished" "$(drift)" "0 0 0"

mode reused
is "a pthread_t that is used again is another thread" \
  "$(q '[.thread_sums[] | select(.stack[0] == "reused")] | "\(map(.count) | add) \(map(.joined) | add) \(map(.detached) | add)"')" \
  "4000 2000 2000"
is "and leaves no record" "$(q '.threads | length')" 1
mode storm
worst=0
for s in $(snaps storm); do
  records "$s"
  drifted=$(q '.audit | .threads_unseen + .lost_threads')
  [ "$drifted" -le "$worst" ] || worst=$drifted
done
# Of the four that make them each has one on its way.
ok "threads that are being born or dying are not strangers: $worst at most" test "$worst" -le 4
records "$(snaps storm | tail -n 1)"
is "at the end of the storm all are given back" "$(q '.threads | length') $(q '[.thread_sums[].count] | add') $(drift)" "1 1604 0 0 0"

mode by_timer
is "a timer's thread is known, with the timer's stack" "$(made_in by_timer)" "running adopted,notify on_notice"
same_tasks by_timer
mode by_queue
is "a queue's thread is known, with the stack of mq_notify" "$(made_in by_queue)" "running adopted,notify on_notice"
same_tasks by_queue
mode by_resolver
is "libc's own threads have no stack, and nobody owes them anything" \
  "$(q '[.threads[] | select(.flags == []) ] | length') $(q '[.threads[] | select(.state == "ended")] | length')" "0 0"
mode by_aio
is "aio's thread is libc's own: nobody owes it anything" \
  "$(q '[.threads[] | select(.flags == [])] | length') $(q '[.threads[] | select(.state == "ended")] | length') $(q '.audit.threads_vanished')" "0 0 0"
same_tasks by_aio
is "it is no finding" "$("$OUTLIVE" residue --json "$(last_snap by_aio)" | jq '[.rows[] | select(.kind == "threads")] | length')" 0
mode old_version
is "pthread_create@GLIBC_2.2.5 and pthread_join@GLIBC_2.2.5 are seen as well" "$(given_back old)" "1 1 0 at_once"
mode by_clone
is "a raw clone is unseen" "$(q '.threads[] | select(.flags | index("unseen")) | .state') $(drift)" "running 1 0 0"
same_tasks by_clone
mode main_exits
is "the first thread has ended, and is not unjoined" "$(q '.threads[] | select(.flags | index("main")) | .state')" "ended"
is "without a drift" "$(drift)" "0 0 0"
like "for people: nobody owes it a join" "$("$OUTLIVE" threads "$(snaps main_exits | head -n 1)")" \
  "^threads: 1 alive, the first one has ended\$"
mode main_joined
is "the first thread was joined by another" "$(q '[.threads[].serial] | join(" ")') $(drift)" "2 0 0 0"
mode in_thread_forked
children=0
for s in $(snaps in_thread_forked); do
  records "$s"
  [ "$(q '.threads | length')" = 1 ] || continue
  children=$((children + 1))
  is "the child of a thread's fork has that thread as its first ($children)" \
    "$(q '.threads[] | "\(.flags | join(",")) \(.state)"') $(q '[.thread_sums[].count] | add') $(drift)" "main running 1 0 0 0"
done
is "by fork and by a raw one, in the midst and at the end" "$children" 4
mode at_the_end
is "made in the destructor of a key, by a thread that has told its end" \
  "$(q '[.thread_sums[].count] | add') $(q '.threads | length') $(drift)" "2 1 0 0 0"
mode busy
like "CPU time of a thread that has ended" "$(q '.thread_sums[] | select(.stack[0] == "busy") | .cpu_ns')" "^([5-9][0-9]|[0-9]{3,})[0-9]{6}$"

LIB="$LIB:$PROGS/thread_early_so.so"
profiled early "$PROGS/thread_odd" early
records "$(snaps early | head -n 1)"
is "threads of a library's constructor before ours end, too" \
  "$(q '[.threads[] | select(.serial > 1)] | map(.state) | join(" ")') $(q '[.thread_sums[].count] | add') $(drift)" "ended 2 0 0 0"
done_testing
