#!/bin/sh
# clang builds everything, without a warning (-Werror), into a build folder of its own.
. scripts/check/lib.sh
need_tool clang

log=$(make -j"$(nproc)" O="$CHECK_BUILD/clang" CC=clang CXX=clang++ all unit progs 2>&1) || status=$?
check "make CC=clang" "$([ -z "${status:-}" ] || printf '%s\n' "$log" | tail -n 40)"
built=$(find "$CHECK_BUILD/clang" -name '*.o' | head -n 1)
need_some "objects" "$built"
check "no warning" "$(printf '%s\n' "$log" | grep -i 'warning')"
done_checking
