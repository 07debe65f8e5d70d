#!/bin/sh
# The tables that drive the code: numbers are unique (the compiler does not mind), descriptions are there, hooks are tested.
. scripts/check/lib.sh

rows() { sed -nE "s/^[[:blank:]]*$1\\(([A-Z_0-9]+), *(.*)\\)[[:blank:]]*\\\\?\$/\\1, \\2/p" preload/format.h; }
for table in K A R; do
  found=$(rows $table)
  need_some "table $table of format.h" "$found"
  check "table $table of format.h: every row is described" "$(printf '%s\n' "$found" | grep -E '""$')"
done
numbers_twice() { rows "$1" | awk -F', ' '{ print $2 }' | sort | uniq -d; }
check "no info key's number is used twice" "$(numbers_twice K)"
check "no audit key's number is used twice" "$(numbers_twice A)"
check "strings have numbers from 128 on, integers below" \
  "$(rows K | awk -F', ' '($3 == "S") != ($2 >= 128)')"

names=$(hook_names)
need_some hooks.def "$names"
check "no function stands in hooks.def twice" \
  "$(grep -oE '^(HOOK|HOOK_MAY|TRAMPOLINE)\(.*' preload/hooks.def | sed -nE 's/^HOOK(_MAY)?\([^,]*,[^,]*, *([A-Za-z0-9_]+),.*/\2/p;
    s/^TRAMPOLINE\([^,]*, *([A-Za-z0-9_]+)\).*/\1/p' | sort | uniq -d)"
calls=$(find "$CHECK_BUILD/tests/progs" -type f -perm -u+x -exec nm -D --undefined-only {} \; 2> /dev/null |
  awk '{ print $2 }' | sed 's/@.*//' | sort -u)
need_some "test programs" "$calls"
check "every hooked function is called by a test program" \
  "$(for name in $names; do printf '%s\n' "$calls" | grep -qx -- "$name" || echo "$name"; done)"

options=$(sed -nE 's/^OPT\(([a-z_]+), *([A-Z]+), *"([^"]*)", *"([^"]*)", *"([^"]*)"\).*/\1/p' preload/options.def)
need_some options.def "$options"
check "every row of options.def is well-formed" \
  "$([ "$(printf '%s\n' "$options" | wc -l)" = "$(grep -c '^OPT(' preload/options.def)" ] || echo 'a row does not parse')"
done_checking
