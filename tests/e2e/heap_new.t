#!/bin/sh
# operator new and delete in every form, once each: whether they end in malloc (libstdc++) or not (jemalloc, tcmalloc,
# mimalloc).
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

# mimalloc's operator new aborts where it should throw.
natively() {
  env "$@" "$PROGS/heap_new" > native.out 2> native.err
  native="$? $(cat native.out native.err)"
}

expect() {
  is "$1 on $on" "$(figures top.json "$1")" "$2 $3 ${4:-0} ${5:-0}"
}

look() {
  is "the program sees what it sees natively, on $on" "$status $(cat $on.out $on.err)" "$native"
  ok "its snapshot loads, on $on" top $on
  expect new_kept 100 2400 100 2400
  expect new_plain 100 2400
  expect new_array 100 2500
  expect new_nothrow 100 2600
  expect new_array_nothrow 100 2700
  for form in aligned array_aligned aligned_nothrow array_aligned_nothrow aligned_sized array_aligned_sized; do
    expect new_$form 100 12800
  done
  expect new_sized 100 2800
  expect new_array_sized 100 2900
  expect new_cookie 100 8000
  expect new_vector 800 102000
  is "no free of an unknown block, on $on" "$(jq .audit.unknown_frees top.json)" 0
}

on=libstdc++
natively A=1
profiled $on "$PROGS/heap_new"
look
expect new_zero 100 100

for on in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
  other=$(find /usr/lib/x86_64-linux-gnu -name $on | head -n 1)
  if [ -z "$other" ]; then
    [ "${CI:-}" = true ] && result 1 "$on is installed (scripts/deps test)"
    note "$on is missing: its operators were not tested"
    continue
  fi
  natively LD_PRELOAD="$other"
  mkdir -p $on
  OUTLIVE_OPTIONS="out=$PWD/$on" LD_PRELOAD="$LIB $other" "$PROGS/heap_new" > $on.out 2> $on.err
  status=$?
  look
done
done_testing
