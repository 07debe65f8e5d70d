#!/bin/sh
# clang-tidy with .clang-tidy, and cppcheck.
. scripts/check/lib.sh
need_tool clang-tidy
need_tool cppcheck

files=$(find preload analyzer -name '*.c' | sort)
need_some files "$files"
check "compile_commands.json is there" "$([ -s compile_commands.json ] || echo 'make compile_commands.json')"
check "clang-tidy has nothing to say" \
  "$(printf '%s\n' "$files" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p . 2> /dev/null | grep -E 'warning:|error:' | sort -u)"
# uninitvar takes what inline assembly or a callee fills in for uninitialized; both compilers and clang-tidy look, too.
# shellcheck disable=SC2086
check "cppcheck has nothing to say" \
  "$(cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr -D_GNU_SOURCE -D__x86_64__ \
    -DOUTLIVE_VERSION='""' --suppress=missingIncludeSystem --suppress=uninitvar --template='{file}:{line}: {id}: {message}' $files 2>&1)"
done_checking
