#!/bin/sh
# Every C file is as clang-format leaves it.
. scripts/check/lib.sh
need_tool clang-format-14

files=$(find preload analyzer tests scripts ! -path 'tests/data/*' \( -name '*.[ch]' -o -name '*.cc' \) | sort)
need_some files "$files"
# shellcheck disable=SC2086
check "clang-format changes nothing (make format)" \
  "$(clang-format-14 --dry-run -Werror $files 2>&1 | grep -E 'error:' | sed 's/: error:.*//' | head -n 40)"
done_checking
