#!/bin/sh
# Every function of the malloc family is counted to the byte, with one thread and with eight.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq valgrind

# expect FUNCTION ALLOCS BYTES LIVE_BLOCKS LIVE_BYTES (of one thread)
expect() {
  is "$1, $threads thread(s)" "$(figures top.json "$1")" \
    "$(($2 * threads)) $(($3 * threads)) $(($4 * threads)) $(($5 * threads))"
}

for threads in 1 8; do
  profiled "t$threads" "$PROGS/heap_exact" $threads
  is "the program ends well, $threads thread(s)" "$status $(cat t$threads.out t$threads.err)" "0 "
  ok "its snapshot loads" top t$threads
  expect exact_malloc 1000 100000 500 50000
  expect exact_calloc 1000 21000 1000 21000
  expect exact_malloc_zero 100 0 100 0
  expect exact_realloc_first 200 2000 0 0
  expect exact_realloc_grow 800 30000 200 16000
  expect exact_realloc_null 100 3300 100 3300
  expect exact_realloc_zero 100 5000 0 0
  expect exact_realloc_fail 100 700 100 700
  expect exact_reallocarray 100 4500 100 4500
  expect exact_posix_memalign 100 20000 100 20000
  expect exact_aligned_alloc 100 12800 0 0
  expect exact_memalign 100 7700 100 7700
  expect exact_valloc 10 3000 10 3000
  expect exact_pvalloc 10 3000 10 3000
  expect exact_strdup 100 1200 100 1200
  expect exact_big 3 12582912 1 4194304
  expect exact_refused 0 0 0 0

  is "nothing was lost, $threads thread(s)" "$(jq -c '.audit.lost | add // 0' top.json)" 0
  is "no free of an unknown block, $threads thread(s)" "$(jq .audit.unknown_frees top.json)" 0

  # The whole process, beside an independent witness. libc gives each thread a table of 16 bytes for each module that has
  # thread-local variables, and liboutlive.so is one.
  profiled "v$threads" "$PROGS/heap_exact" $threads valgrind
  ok "a run as valgrind's" top v$threads
  # shellcheck disable=SC2046
  set -- $(valgrind_sees "$PROGS/heap_exact" $threads valgrind)
  own=$(($3 + (threads > 1 ? 16 * threads : 0)))
  is "allocations, frees, bytes: as valgrind counts them, $threads thread(s)" "$(outlive_sees)" "$1 $2 $own"
done
done_testing
