#!/bin/sh
# outlive.h: a program reads its own counts and takes a snapshot; without the library it runs as well. C, C++, every way to link.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need cc c++

source=$ROOT/tests/progs/api_stats.c
plain='begin
while: not profiled, 0
snapshot: -1
after: not profiled, 0'
counted='begin
while: blocks 10 bytes 10000 threads 1 unjoined 1 fds 2 timers 1
while: allocs 10 of 10000 bytes, frees 0 of 0, threads 2 0, fds 2 0, timers 1 0, lost 0
snapshot: 0
after: blocks 0 bytes 0 threads 0 unjoined 0 fds 0 timers 0
after: allocs 10 of 10000 bytes, frees 10 of 10000, threads 2 2, fds 2 2, timers 1 1, lost 0'

# built NAME COMMAND...: compiles the program so, with warnings as errors, nothing of outlive linked.
built() {
  name=$1
  shift
  ok "$name: compiles" "$@" -D_GNU_SOURCE -Wall -Wextra -Werror -I"$ROOT" -o "$name" "$source" -lpthread
  is "$name: runs without the library" "$("./$name" 2>&1)" "$plain"
}
with_library() {
  profiled "$1.d" "./$1"
  is "$1: its counts" "$(cat "$1.d.out" "$1.d.err")" "$counted"
  like "$1: its snapshot" "$("$OUTLIVE" info "$(snaps "$1.d" | head -n 1)" 2>&1)" "of the program"
}

built pie cc -O2 -fPIE -pie
with_library pie
built no_pie cc -O2 -fno-pie -no-pie
with_library no_pie
built unoptimized cc -O0 -std=c99
with_library unoptimized
built cxx c++ -O2 -x c++ -std=c++11
with_library cxx
built now cc -O2 -Wl,-z,now,-z,relro,--as-needed
with_library now
if command -v clang > /dev/null; then
  built clang clang -O2
  with_library clang
  built clang_cxx clang++ -O2 -x c++ -fno-pie -no-pie
  with_library clang_cxx
fi
built static cc -O2 -static
done_testing
