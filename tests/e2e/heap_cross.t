#!/bin/sh
# Blocks that one thread makes and another frees are counted where they were made.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

for pairs in 1 4; do
  profiled p$pairs "$PROGS/heap_cross" $pairs
  is "the program ends well, $pairs pair(s)" "$status $(cat p$pairs.err)" "0 "
  ok "its snapshot loads" top p$pairs
  is "all blocks and bytes, $pairs pair(s)" "$(figures top.json cross_make)" \
    "$((20000 * pairs)) $((1280000 * pairs)) $((100 * pairs)) $((6400 * pairs))"
  is "nothing unknown, nothing lost, $pairs pair(s)" "$(jq -c '[.audit.unknown_frees, (.audit.lost | add // 0)]' top.json)" '[0,0]'
done
done_testing
