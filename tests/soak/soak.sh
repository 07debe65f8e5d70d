#!/bin/sh
# tests/soak/soak.sh BUILD MINUTES: a mixed load (tests/progs/heap_soak.c) with a snapshot every few seconds. At the end its
# own books must equal the last snapshot's, nothing may be lost, and outlive's own memory must not grow. TAP.
#
# What the table of blocks takes is a share of the addresses that ever held blocks, each kB by its fullest moment: it comes to
# its height as the heap has been everywhere, slower and slower. So the second half must bring less than the quarter before it,
# where what leaks brings twice as much. glibc's arenas wander through the address space for many minutes: the load has one.
# A machine that is too busy is still on its way up: no verdict before 20 million allocations in the first quarter.
build=$(cd "$1" && pwd)
seconds=$(($2 * 60))
export OUTLIVE_BUILD=$build
. "$(dirname "$0")/../e2e/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

mkdir snaps
GLIBC_TUNABLES=glibc.malloc.arena_max=1 OUTLIVE_OPTIONS="out=$PWD/snaps,keep=4,follow=no" LD_PRELOAD=$LIB "$PROGS/heap_soak" $seconds > books 2> soak.err &
pid=$!
pids=$pid
note "heap_soak $pid for $seconds s; one snapshot each 5 s"

own() { "$OUTLIVE" info --json "$1" | jq '.audit.own_tables + .audit.own_arena'; }
started=$(date +%s)
taken=0
quarter= half= made=0
at() { [ $(($(date +%s) - started)) -ge "$1" ]; }
while sleep 5; alive $pid && ! at $((seconds - 5)); do
  snapshot_now || break
  taken=$((taken + 1))
  late=$(own "$snap")
  [ -z "$quarter" ] && at $((seconds / 4)) && quarter=$late && made=$("$OUTLIVE" info --json "$snap" | jq .audit.captures)
  [ -z "$half" ] && at $((seconds / 2)) && half=$late
done
wait $pid
is "the program ends well" "$? $(cat soak.err)" "0 "
ok "snapshots were taken all the while ($taken)" [ $taken -ge $((seconds / 10)) ]
ok "the last snapshot loads" top snaps
mine=$(jq -r '[.rows[] | select(any(.stack[]; .function == "soak_make" or .function == "soak_grow"))] |
  map([.alloc_objects, .alloc_space, .inuse_objects, .inuse_space]) | transpose | map(add) | join(" ")' top.json)
is "the program's books are outlive's, to the byte" "$mine" "$(cat books)"
is "nothing was lost, nothing unknown" "$(jq -c '[(.audit.lost | add // 0), .audit.unknown_frees]' top.json)" '[0,0]'
note "events: $(jq '.totals.heap | 2 * .alloc_objects - .inuse_objects' top.json) allocations and frees, by stacks that were captured $(
  jq .audit.captures top.json) times"
note "outlive's own memory: $quarter bytes after a quarter of the time, $half after half of it, $late at the end"
if [ $seconds -lt 300 ]; then
  note "no verdict on it: it is still on its way up after less than five minutes"
elif [ "${made:-0}" -ge 20000000 ]; then
  ok "its growth comes to an end" [ $((late - half)) -le $((half - quarter + 16384)) ]
  ok "and is little" [ "$late" -le $((half + half / 20)) ]
else
  note "no verdict on it: $made allocations in the first quarter"
fi
ok "keep=4 keeps 8 snapshots at most" [ "$(snaps snaps | wc -l)" -le 8 ]

# Too much for a test among others: children of a process whose eight threads are all in the allocator.
profiled forks "$PROGS/proc_family" storm 2000 8
is "2000 forks beside eight threads in the allocator: all come back" "$status $(cat forks.out forks.err)" "0 "
is "and each that has ended by itself, not by an exec, has left its file" "$(snaps forks proc_family | wc -l)" 1751
bad=0
for file in $(snaps forks | tail -n 200); do
  "$OUTLIVE" info "$file" > info.out 2>&1 || bad=$((bad + 1))
done
is "which is whole, as far as looked at" $bad 0

# Two hundred ends at any moment, in one run.
if [ $seconds -ge 300 ]; then
  ok "SIGKILL, the limits of processor time and of a cgroup's memory: 200 files that must be whole and 201 that must be young" \
    env KILLS=200 FRESH=86 "$ROOT/tests/e2e/proc_kill.t"
  note "$(cat out)"
fi
done_testing
