#!/bin/sh
# README.md says what the tables say.
. scripts/check/lib.sh

options=$(sed -nE 's/^OPT\(([a-z_]+),.*/\1/p' preload/options.def)
need_some options "$options"
check "README.md lists every option with its default" \
  "$(sed -nE 's/^OPT\(([a-z_]+), *[A-Z]+, *"([^"]*)",.*/\1 \2/p' preload/options.def | while read -r name value; do
    value=$(printf '%s' "$value" | sed 's/[+.*]/\\&/g')
    grep -qE "^\\| \`$name\` \\| (\`$value\` )?\\|" README.md || echo "$name ($value)"
  done)"
check "README.md lists no option that is not there" \
  "$(sed -n '/^## Options/,/^## /s/^| `\([a-z_]*\)` .*/\1/p' README.md | while read -r name; do
    printf '%s\n' "$options" | grep -qx "$name" || echo "$name"
  done)"
verbs=$(sed -nE 's/^[[:blank:]]*V\(([a-z]+),.*/\1/p' analyzer/cmd.h)
need_some verbs "$verbs"
check "README.md shows every verb" "$(for verb in $verbs; do grep -q "outlive $verb" README.md || echo "$verb"; done)"
targets=$(sed -nE 's/^([a-z-]+):.*## .*/\1/p' Makefile)
need_some targets "$targets"
check "every make target that README.md names is there" \
  "$(grep -oE 'make [a-z][a-z-]+' README.md | cut -d ' ' -f 2 | sort -u | while read -r target; do
    printf '%s\n' "$targets" | grep -qx "$target" || echo "$target"
  done)"
done_checking
