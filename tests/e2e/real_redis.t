#!/bin/sh
# redis-server under load, two snapshots of the live process: its keys are what grew.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq redis-benchmark redis-cli redis-check-rdb

# redis-tools has the server's program, but no service: it looks at the name that it is called by.
ln -s "$(command -v redis-check-rdb)" redis-server
ask() { redis-cli -s "$PWD/redis.sock" "$@"; }
load() { redis-benchmark -s "$PWD/redis.sock" -q -n 20000 -P 16 -r 1000000000 "$@" > load.out 2>&1; }

mkdir snaps
background env LD_PRELOAD="$LIB" OUTLIVE_OPTIONS="out=$PWD/snaps" ./redis-server --port 0 --unixsocket "$PWD/redis.sock" \
  --save '' --appendonly no --daemonize no
ok "redis-server answers" wait_for ask ping
ok "the first load" load -t set -d 100
ok "a snapshot" snapshot_now
first=$snap
before=$(ask dbsize)
ok "the second load" load -t set -d 100
# Commands that leave nothing behind
ok "and reads, which leave nothing" load -t get,ping
ok "another snapshot" snapshot_now
second=$snap
added=$(($(ask dbsize) - before))
used=$(ask info memory | tr -d '\r' | sed -n 's/^used_memory://p')

"$OUTLIVE" diff --json -n 0 "$first" "$second" > diff.json
note "$("$OUTLIVE" diff -n 3 "$first" "$second" | head -n 40)"
like "keys were added" "$added" '^[1-9][0-9]{3,}$'
# SET stores a key through dbAdd: an sds for the name, an object for the value, an entry of the table.
is "row 1 is how redis stores a key" \
  "$(jq -r '.rows[0].stack | any(.[]; .function // "" | test("^(dbAdd|setKey|genericSetKey|setGenericCommand|dictExpand|_dictExpand|dictRehash|createStringObject|createObject|tryObjectEncoding|createEmbeddedStringObject|dictAddRaw|createRawStringObject|processMultibulkBuffer)$"))' diff.json)" true
is "each key that was added is a live block there, exactly" \
  "$(jq -r '[.rows[] | select(any(.stack[]; .function // "" | test("^dbAdd$")) and any(.stack[]; .function // "" | test("^sdsdup$|^sdsnewlen$|^_sdsnewlen$|^dictAddRaw$"))) | .inuse_objects] | max' diff.json)" "$added"
is "nothing was lost" "$(jq -c '.audit.lost | add // 0' diff.json)" 0
ask shutdown nosave > /dev/null 2>&1
wait "$pid"
is "redis-server ends as it does natively" $? 0
"$OUTLIVE" info --json "$second" > info.json
# redis counts what its allocator rounded up to, so ours is a little less, and no more.
live=$("$OUTLIVE" top --json -n 0 "$second" | jq .totals.heap.inuse_space)
ok "live bytes agree with what redis says it uses ($live of $used)" [ $((live * 100 / used)) -ge 75 ] && [ "$live" -le "$used" ]
done_testing
