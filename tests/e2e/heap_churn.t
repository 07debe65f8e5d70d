#!/bin/sh
# A loop that makes and frees a thousand times what a leak leaks is not above the leak.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

driven "$PROGS/heap_churn"
hear before
ok "a snapshot of a program that waits" snapshot_now
first=$snap
say go
hear after
ok "a second one" snapshot_now
second=$snap
say go
wait "$pid"
is "the program ends well" $? 0

"$OUTLIVE" diff --json -n 0 "$first" "$second" > diff.json
is "the leak is row 1" "$(jq -r '.rows[0].stack | any(.[]; .function == "churn_leak")' diff.json)" true
is "the leak, to the byte" "$(figures diff.json churn_leak)" "200 200000 200 200000"
is "the hot loop is no row" "$(rank diff.json churn_hot)" none
is "the churn, folded, to the byte" \
  "$(jq -r '.churn | "\(.alloc_objects) \(.alloc_space) \(.inuse_objects) \(.inuse_space)"' diff.json)" "200000 200000000 0 0"
"$OUTLIVE" diff --json -n 0 --churn "$first" "$second" > churn.json
is "--churn shows it" "$(figures churn.json churn_hot)" "200000 200000000 0 0"
like "the text says that there is churn" "$("$OUTLIVE" diff "$first" "$second")" 'churn'
done_testing
