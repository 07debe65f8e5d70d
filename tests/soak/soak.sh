#!/bin/sh
# tests/soak/soak.sh BUILD MINUTES: a mixed load (tests/progs/heap_soak.c) with a snapshot every few seconds. At the end its
# own books must equal the last snapshot's, nothing may be lost, and outlive's own memory must not grow: it is less
# than a tenth more than at half time (where the heap's pages were not all touched yet). TAP.
build=$(cd "$1" && pwd)
seconds=$(($2 * 60))
export OUTLIVE_BUILD=$build
. "$(dirname "$0")/../e2e/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

mkdir snaps
OUTLIVE_OPTIONS="out=$PWD/snaps,keep=4,follow=no" LD_PRELOAD=$LIB "$PROGS/heap_soak" $seconds > books 2> soak.err &
pid=$!
pids=$pid
note "heap_soak $pid for $seconds s; one snapshot each 5 s"

own() { "$OUTLIVE" info --json "$1" | jq '.audit.own_tables + .audit.own_arena'; }
started=$(date +%s)
taken=0
early=
while sleep 5; alive $pid && [ $(($(date +%s) - started)) -lt $((seconds - 5)) ]; do
  snapshot_now || break
  taken=$((taken + 1))
  [ -z "$early" ] && [ $(($(date +%s) - started)) -ge $((seconds / 2)) ] && early=$(own "$snap")
  late=$(own "$snap")
done
wait $pid
is "the program ends well" "$? $(cat soak.err)" "0 "
ok "snapshots were taken all the while ($taken)" [ $taken -ge $((seconds / 10)) ]
ok "the last snapshot loads" top snaps
mine=$(jq -r '[.rows[] | select(any(.stack[]; .function == "soak_make" or .function == "soak_grow"))] |
  map([.alloc_objects, .alloc_space, .inuse_objects, .inuse_space]) | transpose | map(add) | join(" ")' top.json)
is "the program's books are outlive's, to the byte" "$mine" "$(cat books)"
is "nothing was lost, nothing unknown" "$(jq -c '[(.audit.lost | add // 0), .audit.unknown_frees]' top.json)" '[0,0]'
ok "outlive's own memory is flat ($early bytes at half time, $late at the end)" [ "$late" -le $((early + early / 10)) ]
ok "keep=4 keeps 8 snapshots at most" [ "$(snaps snaps | wc -l)" -le 8 ]
done_testing
