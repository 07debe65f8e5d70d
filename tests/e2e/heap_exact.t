#!/bin/sh
# Every function of the malloc family is counted to the byte, with one thread and with eight.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq valgrind

for threads in 1 8; do
  profiled "t$threads" "$PROGS/heap_exact" $threads
  is "the program ends well, $threads thread(s)" "$status $(cat t$threads.out t$threads.err)" "0 "
  ok "its snapshot loads" top t$threads
  exact_functions $threads

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
