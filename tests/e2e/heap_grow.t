#!/bin/sh
# A list that leaks by realloc frees nearly all that it allocates, and is row 1 all the same.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

driven "$PROGS/heap_grow"
hear before
ok "a first snapshot" snapshot_now
first=$snap
say go
hear after
ok "a second one" snapshot_now
second=$snap
say go
wait "$pid"

"$OUTLIVE" diff --json -n 0 "$first" "$second" > diff.json
is "the list is row 1" "$(jq -r '.rows[0].stack | any(.[]; .function == "grow_list")' diff.json)" true
# 1000 reallocs from 704 bytes to 64640: 64 * (11 + ... + 1010)
is "the list, to the byte" "$(figures diff.json grow_list)" "1000 32672000 0 64000"
is "the loop beside it is churn" "$(rank diff.json grow_churn) $(jq .churn.alloc_space diff.json)" "none 100000000"
like "the share that was freed again is told" "$(jq '.rows[0].freed_share' diff.json)" '^0\.9[0-9]*$|^1$'
done_testing
