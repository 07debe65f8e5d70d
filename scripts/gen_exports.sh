#!/bin/sh
# Prints the linker's version script: the functions of hooks.def are exported, nothing else is.
set -eu
names=$(sed -nE 's/^HOOK(_MAY)?\([^,]*,[^,]*, *([A-Za-z0-9_]+),.*/\2/p; s/^API\([^,]*, *([A-Za-z0-9_]+),.*/\1/p; s/^TRAMPOLINE\([^,]*, *([A-Za-z0-9_]+)\).*/\1/p; s/^DATA\(([A-Za-z0-9_]+)\).*/\1/p' "$1")
[ -n "$names" ] || { echo "gen_exports.sh: no row found in $1" >&2; exit 1; }
printf '{\n  global:\n'
for n in $names; do printf '    %s;\n' "$n"; done
printf '  local: *;\n};\n'
