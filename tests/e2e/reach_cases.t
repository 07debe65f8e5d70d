#!/bin/sh
# Ways in which a block can be held or lost, marked at the end of the program, in C and C++ and with other allocators:
# tests/progs/reach_case and reach_cxx have the lists. REACH_MEMCHECK=all compares every case with valgrind's memcheck;
# else a few are.
. "${0%/*}/lib.sh"
need python3 valgrind

few=list_head,cycle,interior,tagged_low,late_key,half_unmapped,coroutine_lost,exit_argument,root_is_freed,map_lost,second_base
[ "${REACH_MEMCHECK:-}" != all ] || few=
# run NAME ARGUMENT...: its tests are ours
run() {
  name=$1
  shift
  python3 "$ROOT/tests/e2e/reach_cases.py" "$O" "$@" > cases 2>&1
  is "$name: status" $? 0
  grep '^ok' cases > good
  is "$name: $(wc -l < good) cases" "$(wc -l < good)" "$(sed -n 's/^1\.\.//p' cases)"
  note "$(grep -v '^ok' cases)"
}

for program in reach_case reach_cxx; do
  run "$program" $program
  for allocator in jemalloc:libjemalloc.so.2 tcmalloc:libtcmalloc_minimal.so.4 mimalloc:libmimalloc.so.2.0; do
    lib=$(ldconfig -p | sed -n "s|.* => \(/.*/${allocator#*:}\)\$|\1|p" | head -n 1)
    [ -z "$lib" ] || run "$program with ${allocator%:*}" $program "$lib"
  done
  REACH_CASE=$few run "$program as memcheck has it" $program memcheck
done
done_testing
