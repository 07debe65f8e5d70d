#!/bin/sh
# Exceptions and jumps out of hooked calls: what is thrown in a function that such a call runs, or in a handler that interrupts
# one, arrives; destructors run; and what comes after is counted as ever, with waits on record, too.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

mkdir native
(cd native && "$PROGS/life_throw") > native.out 2>&1
is "a native run" "$? $(wc -l < native.out)" "5 10"
for options in follow=yes trace=64; do
  mkdir $options
  (cd $options && OUTLIVE_OPTIONS=out=$dir/$options,$options LD_PRELOAD=$LIB "$PROGS/life_throw") > got 2>&1
  is "$options: status and output are the program's own" "$? $(cat got)" "5 $(cat native.out)"
  top $options
  is "$options: ten blocks after each" "$(figures top.json after | cut -d' ' -f1,3)" "100 100"
  is "$options: what was unwound gave back its blocks" "$(figures top.json 'guard::guard()' | cut -d' ' -f3)" 0
  is "$options: nothing is lost, no free unknown" "$(jq -c '[(.audit.lost | add // 0), .audit.unknown_frees]' top.json)" '[0,0]'
done
done_testing
