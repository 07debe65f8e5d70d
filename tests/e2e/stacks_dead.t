#!/bin/sh
# Rings of threads that wait for one another are found, of whatever they are made; what only looks like one is not.
. "${0%/*}/lib.sh"
need python3

mkfifo hold
background sh -c 'exec "$1" < hold' sh "$PROGS/stacks_dead"
exec 3> hold
wait_for grep -q there "$pid.log"
# "There" is said a moment before each waits.
all_wait() {
  "$OUTLIVE" stacks --json "$pid" > stacks.json && [ "$(json stacks.json 'len(d["deadlocks"])')" -ge "$1" ]
}
# Linux itself refuses the last lock of a ring that passes priorities on, and libc then waits for ever.
ok "all wait" wait_for all_wait 6
is "rings" "$(json stacks.json 'sorted((x["kind"], len(x["threads"]), ",".join(sorted({t["waits_on"]["kind"] for t in x["threads"]})))
  for x in d["deadlocks"])')" \
  "[('cycle', 2, 'mutex'), ('cycle', 2, 'mutex'), ('cycle', 2, 'mutex'), ('cycle', 2, 'mutex'), ('cycle', 2, 'mutex,rwlock'), ('cycle', 3, 'join')]"
is "one waits behind a ring" "$(json stacks.json 'sorted(x["behind"] for x in d["deadlocks"])[-2:]')" "[0, 1]"
is "the limit of time breaks a ring" \
  "$(json stacks.json '[f["function"] for x in d["deadlocks"] for t in x["threads"] for f in t["stack"] if (f["function"] or "").startswith("timed")]')" "[]"
is "each lock by its address" "$(json stacks.json 'len({t["waits_on"]["address"] for x in d["deadlocks"] for t in x["threads"]})')" 13
status_soon "--check" 1 "$OUTLIVE" stacks --check "$pid"
is "in words" "$(grep -c '^Deadlock: [23] threads wait for one another' out)" 6
like "with what is behind" "$(cat out)" '^Deadlock: 2 threads wait for one another, and 1 more behind them$'
for form in 1 2; do
  is "in Go's form $form" "$("$OUTLIVE" stacks --debug=$form "$pid" | grep -c '^# Deadlock: ')" 6
done
echo >&3
wait "$pid"
is "it went on" $? 0
done_testing
