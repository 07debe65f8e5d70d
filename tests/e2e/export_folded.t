#!/bin/sh
# Folded stacks: one line a stack, outermost first, sums equal to top's.
. "$(dirname "$0")/lib.sh"
need sqlite3

echo "create table t(a); insert into t values (1), (2), (3); select sum(a) from t;" |
  "$OUTLIVE" run --out "$PWD/s" -- sqlite3 > run.out 2> run.err
snap=$(snaps s | tail -n 1)
"$OUTLIVE" top --json -n 0 "$snap" > top.json
for column in alloc_space inuse_objects; do
  ok "$column: export" "$OUTLIVE" export --format folded --column $column "$snap"
  cp out $column.folded
  is "$column: the sum of all lines" "$(awk '{ s += $NF } END { printf "%d\n", s }' $column.folded)" \
    "$(json top.json "sum(k['$column'] for k in d['totals'].values())")"
  is "$column: a stack and a positive number on every line" "$(grep -cvE '^[^ ].* [1-9][0-9]*$' $column.folded)" 0
done
like "the program's start is outermost" "$(cat alloc_space.folded)" '^_start;|^\[?sqlite3\+0x|;main;'
"$OUTLIVE" export --format folded -o file.folded "$snap" > out
is "-o prints the file's name" "$(cat out)" file.folded
"$OUTLIVE" export --format folded "$snap" > default.folded
"$OUTLIVE" export --format folded --column inuse_space "$snap" > inuse_space.folded
ok "inuse_space by default" cmp default.folded inuse_space.folded
ok "the same into a file" cmp default.folded file.folded
status_is "a closed pipe or full disk" 3 sh -c '"$1" export --format folded "$2" > /dev/full' x "$OUTLIVE" "$snap"
done_testing
