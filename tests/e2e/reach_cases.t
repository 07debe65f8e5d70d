#!/bin/sh
# Ways in which a block can be held or lost, marked at the end of the program: tests/progs/reach_case has the list.
. "${0%/*}/lib.sh"
need python3

python3 "$ROOT/tests/e2e/reach_cases.py" "$O" reach_case
