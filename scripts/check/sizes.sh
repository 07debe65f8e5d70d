#!/bin/sh
# Functions of at most 80 lines, files of at most 500. A function's body stands between "{" and "}" at the first column.
. scripts/check/lib.sh

files=$(find preload analyzer -name '*.[chS]' -o -name '*.js' | sort)
need_some files "$files"
# shellcheck disable=SC2086
sizes=$(awk '
  FNR == 1 { open = 0 }
  /^\{/ { open = FNR }
  /^\}/ && open { print FNR - open + 1, FILENAME ":" open; open = 0 }' $files | sort -rn)
need_some functions "$sizes"
check "no function is longer than 80 lines" "$(printf '%s\n' "$sizes" | awk '$1 > 80')"
# shellcheck disable=SC2086
check "no file is longer than 500 lines" "$(wc -l $files | awk '$2 != "total" && $1 > 500')"
# shellcheck disable=SC2086
check "no line is wider than 120 columns" "$(find preload analyzer -name '*.[chS]' -exec expand {} + | awk 'length > 120' | head -n 5)"
done_checking
