#!/bin/sh
# Requests in flight at the second snapshot are not what leaks.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

driven "$PROGS/heap_server"
hear idle
ok "a snapshot before the load" snapshot_now
first=$snap
say go
hear serving
ok "a snapshot under load" snapshot_now
second=$snap
exec 9>&-
wait "$pid"
is "the server ends well" $? 0

"$OUTLIVE" diff --json -n 0 "$first" "$second" > diff.json
"$OUTLIVE" diff --json -n 0 --churn "$first" "$second" > churn.json
like "requests are in flight at the second snapshot" \
  "$(jq '[.rows[] | select(any(.stack[]; .function == "server_request")) | .inuse_objects] | add' churn.json)" '^[1-9][0-9]+$'
is "the sessions left behind are row 1" \
  "$(jq -r '.rows[0].stack | any(.[]; .function == "server_session")' diff.json)" true
is "the requests are churn" "$(rank diff.json server_request)" none
done_testing
