#!/bin/sh
# clang builds everything, without a warning (-Werror), into a build folder of its own.
. scripts/check/lib.sh
need_tool clang

log=$(make -j"$(nproc)" O="$CHECK_BUILD/clang" CC=clang CXX=clang++ all unit progs 2>&1) || status=$?
check "make CC=clang" "$([ -z "${status:-}" ] || printf '%s\n' "$log" | tail -n 40)"
built=$(find "$CHECK_BUILD/clang" -name '*.o' | head -n 1)
need_some "objects" "$built"
check "no warning" "$(printf '%s\n' "$log" | grep -i 'warning')"
# `make fuzz` is not part of the gate: what it is made of must not fall behind the rest unseen.
fuzzers=$(find tests/fuzz -name '*.c' | sort)
need_some "fuzzers" "$fuzzers"
for fuzzer in $fuzzers; do
  check "$fuzzer compiles" "$(clang -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -fsyntax-only -I. "$fuzzer" 2>&1)"
done
done_checking
