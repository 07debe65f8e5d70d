#!/bin/sh
# Prints compile_commands.json for the named sources. The Makefile gives the compilers' command lines in
# CC_PRELOAD, CC_ANALYZER and CC_UNIT.
set -eu
json() { printf '%s' "$1" | sed 's/["\\]/\\&/g'; }

separator='['
for file; do
  case $file in
    preload/*) command=$CC_PRELOAD ;;
    analyzer/*) command=$CC_ANALYZER ;;
    *) command=$CC_UNIT ;;
  esac
  printf '%s\n{"directory":"%s","file":"%s","command":"%s"}' \
    "$separator" "$(json "$PWD")" "$file" "$(json "$command -c $file")"
  separator=,
done
[ "$separator" = , ] || { echo "compile_commands.sh: no source named" >&2; exit 1; }
printf '\n]\n'
