#!/bin/sh
# scripts/gen_man.sh OUTLIVE VERSION FOLDER: the manual pages, their lists of options from the program's own --help and the
# description of the file from preload/format.h: so they say what the code does.
set -eu
outlive=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
version=$2
mkdir -p "$3"
into=$(cd "$3" && pwd)
cd "$(dirname "$0")/.."
part=$(mktemp)
trap 'rm -f "$part"' EXIT

# fill TEMPLATE MARK: the template with $part in place of the line @MARK@.
fill() {
  sed -e "s/@VERSION@/$version/" -e "/^@$2@\$/{r $part" -e 'd}' "scripts/man/$1.in" > "$into/$1.tmp"
  mv "$into/$1.tmp" "$into/$1"
}

verbs=$("$outlive" --help | sed -nE '/first session/q; s/^  ([a-z]+)  +.*/\1/p')
for verb in $verbs; do
  printf '.SS %s\n' "$verb"
  COLUMNS=80 "$outlive" "$verb" --help | awk -f scripts/man/options.awk
done > "$part"
fill outlive.1 VERBS

# The keys are the flags of the first list.
"$outlive" run --help | awk '/^The gate|^The options/ { exit } /^  +--[a-z]/ { on = 1 } on' |
  awk -f scripts/man/options.awk | sed 's/^\.B \\-\\-/.B /' > "$part"
fill liboutlive.so.7 OPTIONS

{
  printf '.TH OUTLIVE\\-SNAPSHOT 5 "" "outlive %s" "outlive"\n' "$version"
  printf '.SH NAME\noutlive\\-snapshot \\- the file that liboutlive.so writes and outlive reads\n.SH DESCRIPTION\n.EX\n'
  sed -n '2,/^ \*\//{s/^ \* \{0,1\}//;/^\/$/d;p}' preload/format.h |
    sed 's/\\/\\e/g; s/-/\\-/g; s/^\([.'"'"']\)/\\\&\1/'
  printf '.EE\n.SH SEE ALSO\n.BR outlive (1),\n.BR liboutlive.so (7)\n'
} > "$into/outlive-snapshot.5.tmp"
mv "$into/outlive-snapshot.5.tmp" "$into/outlive-snapshot.5"
