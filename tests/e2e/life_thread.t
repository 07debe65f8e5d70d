#!/bin/sh
# Threads, stacks, jumps and limits at their edges: the program sees no difference, and nothing is lost of the books.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

# lives CASE: plain and profiled, and what the last snapshot says of the books.
lives() {
  "$PROGS/life_thread" "$1" > "$1.plain" 2>&1 < /dev/null
  plain=$?
  profiled "$1" "$PROGS/life_thread" "$1" < /dev/null
  is "$1: status and output are the program's own" "$status $(cat "$1.out" "$1.err")" "$plain $(cat "$1.plain")"
  unlike "$1: right" "$(cat "$1.out")" 'WRONG|NOT'
  # The process itself: its children have files of their own.
  "$OUTLIVE" top --json -n 0 "$(snaps "$1" life_thread | head -n 1)" > top.json
  is "$1: nothing is lost, no free unknown" "$(jq -c '[(.audit.lost | add // 0), .audit.unknown_frees]' top.json)" '[0,0]'
}

lives cancel
lives sequence
is "10,000 threads: each one's block" "$(figures top.json allocates | cut -d' ' -f1,3)" "10000 0"
lives at_once
is "1,000 at once: each one's block" "$(figures top.json waits | cut -d' ' -f1,3)" "1000 0"
lives tiny
is "16 kB: each one's blocks" "$(figures top.json on_little | cut -d' ' -f1,3)" "400 0"
lives contexts
is "coroutines: their blocks" "$(figures top.json coroutine | cut -d' ' -f1,3)" "1000 0"
lives jump
lives storm
lives destructors
is "destructors: blocks of four rounds" "$(figures top.json late_block | cut -d' ' -f1,3)" "300 0"
lives ending
is "atexit: their blocks" "$(figures top.json at_the_end | cut -d' ' -f1,3)" "40 0"
lives descriptors
lives address_space
is "a full address space: all were given back but the last" "$(figures top.json address_space | cut -d' ' -f3)" 1
done_testing
