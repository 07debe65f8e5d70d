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
programs=$(find tests/progs -name '*.c' -o -name '*.cc' -o -path 'tests/e2e/*.t' | sort)
need_some "test programs" "$programs"
# Mangled operators are named in C++ by their syntax; hook_new's test lists them.
# shellcheck disable=SC2086
check "every hooked function is used by a test program" \
  "$(for name in $names; do grep -qw -- "$name" $programs tests/e2e/*.t tests/unit/*.c || echo "$name"; done)"

options=$(sed -nE 's/^OPT\(([a-z_]+), *([A-Z]+), *"([^"]*)", *"([^"]*)", *"([^"]*)"\).*/\1/p' preload/options.def)
need_some options.def "$options"
check "every row of options.def is well-formed" \
  "$([ "$(printf '%s\n' "$options" | wc -l)" = "$(grep -c '^OPT(' preload/options.def)" ] || echo 'a row does not parse')"
done_checking
