#!/bin/sh
# Odd calls: results, errno and contents are those of a native run.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"

"$PROGS/heap_odd" > native.out 2> native.err
is "a native run" "$? $(wc -l < native.out | tr -d ' ')" "0 46"
profiled odd "$PROGS/heap_odd"
is "the status is the same" $status 0
is "what the caller sees is the same" "$(cat odd.out odd.err)" "$(cat native.out native.err)"

# The same where the allocator is not libc's.
jemalloc=$(find /usr/lib/x86_64-linux-gnu -name 'libjemalloc.so.2' | head -n 1)
if [ -n "$jemalloc" ]; then
  LD_PRELOAD=$jemalloc "$PROGS/heap_odd" > native.out 2>&1
  OUTLIVE_OPTIONS="out=$PWD/odd" LD_PRELOAD="$LIB $jemalloc" "$PROGS/heap_odd" > odd.out 2>&1
  is "on jemalloc, too" "$(cat odd.out)" "$(cat native.out)"
fi
done_testing
