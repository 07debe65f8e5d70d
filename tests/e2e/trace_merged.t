#!/bin/sh
# Several snapshots in one time line: each keeps the latest waits alone, together they have what any of them kept, once.
. "${0%/*}/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need python3 jq

cat > lines.py << 'END'
import os, sys
kept = os.open("/dev/null", os.O_RDONLY)
for line in iter(sys.stdin.readline, ""):
    if line == "close\n": os.close(kept)
    print(line, end="", flush=True)
END
mkfifo lines
# shellcheck disable=SC2016
background env OUTLIVE_OPTIONS="trace=16,out=$dir" LD_PRELOAD="$LIB" sh -c 'exec /usr/bin/python3 lines.py < lines'
exec 3> lines
said=0
answered() { [ "$(wc -l < "$pid.log")" -ge "$said" ]; }
# say N [TEXT]: lines, each when the one before has been answered, so that the program waits for each
say() {
  for _ in $(seq "$1"); do
    said=$((said + 1))
    echo "${2:-$said}" >&3
    wait_for answered
  done
}
export_all() { "$OUTLIVE" export --format perfetto -o all.json "$@"; }
# What is drawn of the first thread: waits that ended, that go on, that are told to be lost; and all that it had.
drawn() {
  jq -r --argjson tid "$pid" '[.traceEvents[] | select(.ph == "X" and .tid == $tid)] |
    ([.[] | select(.cat == "wait" and .args.ended)] | length) as $ended |
    ([.[] | select(.cat == "wait" and .args.ended) | .ts] | unique | length) as $different |
    ([.[] | select(.cat == "thread")][0].args) as $life |
    "\($ended == $different) \($ended + $life.waits_not_kept == $life.waits) \($ended) \($life.waits_not_kept)"' all.json
}

say 12
snapshot_now && one=$snap
say 1 close
say 11
snapshot_now && two=$snap
ok "two snapshots" export_all "$two" "$one"
like "more waits than a ring holds, none twice, and the others are counted" "$(drawn)" '^true true (1[7-9]|[2-9][0-9]) [0-9]+$'
say 40
snapshot_now && three=$snap
ok "a third" export_all "$one" "$three" "$two"
like "what no snapshot has kept is counted" "$(drawn)" '^true true (3[3-9]|[4-9][0-9]) [1-9][0-9]*$'
is "what one keeps alone is what it kept" \
  "$("$OUTLIVE" export --format perfetto -o all.json "$three" > out; drawn | cut -d ' ' -f 1-3)" "true true 16"
export_all "$one" "$two" "$three" > out
is "a descriptor that was closed by the second snapshot ends at the first" \
  "$(jq '[.traceEvents[] | select(.cat == "descriptor" and (.name | contains("/dev/null"))) | .ph] | join("")' all.json)" '"be"'
is "and is open no longer than it was seen" "$(jq '([.traceEvents[] | select(.name == "snapshot 1") | .ts][0]) as $seen |
  [.traceEvents[] | select(.cat == "descriptor" and .ph == "e" and (.name | contains("/dev/null"))) | .ts == $seen][0]' all.json)" true
exec 3>&-
done_testing
