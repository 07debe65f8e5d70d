#!/bin/sh
# std::thread and OpenMP: threads made by libraries, under their users' stacks.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/kinds.sh"
need jq nm c++filt

# made FUNCTION of the sums: "COUNT JOINED DETACHED" under it
sums() {
  jq -r '.thread_sums[] | "\(.count) \(.joined) \(.detached) \(.stack | join(" "))"' records.json | c++filt |
    sed -n "s/^\([0-9 ]*\) .*\b$1\b.*/\1/p"
}

profiled cxx "$PROGS/thread_cxx"
is "std::thread: the program's own output" "$status $(cat cxx.out)" "0 42 7"
is "it can count them itself" "$(cat cxx.err)" "created 5, running 1"
records "$(snaps cxx | head -n 1)"
is "std::thread::join" "$(sums make_joined)" "1 1 0"
is "std::thread::detach" "$(sums make_detached)" "1 0 1"
is "std::async" "$(sums make_async)" "1 1 0"
is "std::async that throws" "$(sums make_throwing)" "1 1 0"
like "one is left" "$(q '.threads[] | select(.serial > 1) | "\(.state) \(.flags | join(",")) \(.stack | join(" "))"')" \
  "^running detached .*make_running"
is "plain: the same output, and no counts" "$("$PROGS/thread_cxx" 2>&1)" "42 7"

OMP_NUM_THREADS=4 profiled omp "$PROGS/thread_omp"
is "OpenMP: the program's own output" "$status $(cat omp.out omp.err)" "0 4999950000
4999950000
tasks 4"
records "$(snaps omp | head -n 1)"
is "its pool is there, made where the first parallel region is" \
  "$(q '[.threads[] | select(.stack | index("parallel_sum"))] | length') $(q '.threads | length')" "3 4"
done_testing
