#!/bin/sh
# Threads that will never go on, among others that wait: each found, none of the others, with proof.
. "${0%/*}/lib.sh"
need python3

# Names of those that are called blocked.
blocked() {
  "$OUTLIVE" threads --json -n 0 "$1" > threads.json
  json threads.json '" ".join(sorted(r["start_routine"] for r in d["rows"] if r["leak"] == "blocked"))'
}
all='stuck_ab stuck_ba stuck_chained stuck_cond stuck_holder stuck_joins stuck_owner_ended stuck_self stuck_sem'

# object FUNCTION: what it waits on, where, and of the block its bytes and where it was made
proof() {
  json threads.json '[(p["waits_on"], p["site"]["function"], p["block_bytes"], p["block_site"] and p["block_site"]["function"])
    for r in d["rows"] if r["start_routine"] == "'"$1"'" for p in r["proof"]]'
}

mkdir end
OUTLIVE_OPTIONS=out=$dir/end,reach=exit LD_PRELOAD=$LIB "$PROGS/stuck_threads" exit
snap=$(snaps end)
is "at the end: all nine, and none of the eight that may go on" "$(blocked "$snap")" "$all"
is "proof: a condition variable" "$(proof stuck_cond)" "[('condition variable', 'wait_cond', 88, 'make')]"
is "proof: a semaphore" "$(proof stuck_sem)" "[('semaphore', 'stuck_sem', 32, 'make')]"
is "proof: a mutex whose owner has ended" "$(proof stuck_owner_ended)" "[('mutex', 'stuck_owner_ended', 40, 'make')]"
is "proof: a join" "$(proof stuck_joins)" "[('thread', 'stuck_joins', None, None)]"
is "who is waited for" "$(json threads.json '(
  [t for r in d["rows"] if r["start_routine"] == "stuck_cond" for t in r["tids"]] ==
  [p["joins_tid"] for r in d["rows"] if r["start_routine"] == "stuck_joins" for p in r["proof"]])')" True
is "in words" "$("$OUTLIVE" threads -n 0 "$snap" | grep -c 'that only blocked threads can reach')" 8

"$OUTLIVE" top --json -n 0 "$snap" > top.json
is "what only they hold is a class of its own" \
  "$(json top.json 'sum(r["inuse_objects"] for r in d["rows"] if r["verdict"] == "blocked")')" 7
is "the global, and what another's stack holds, are reachable" \
  "$(json top.json 'sorted(f["function"] for r in d["rows"] if r["verdict"] == "reachable" for f in r["stack"]
    if f["function"] in ("live_global", "live_handed"))')" "['live_global', 'live_handed']"

status_is "check finds them" 1 "$OUTLIVE" check --threads=blocked "$snap"
like "and says so" "$(cat out err)" 'blocked'

# While it goes on.
mkdir live
mkfifo go
OUTLIVE_OPTIONS=out=$dir/live LD_PRELOAD=$LIB background sh -c "exec '$PROGS/stuck_threads' wait < go"
exec 3> go
wait_for grep -q waiting "$pid.log"
ok "a look at a live process" "$OUTLIVE" snapshot --reach "$pid"
live=$(tail -n 1 out)
like "says what only blocked threads hold" "$(cat out)" '384 B in 7 blocks held by blocked threads only'
is "live: the same nine" "$(blocked "$live")" "$all"
is "live: proof" "$(proof stuck_cond)" "[('condition variable', 'wait_cond', 88, 'make')]"
ok "and once more" "$OUTLIVE" snapshot --reach "$pid"
is "live: nobody is new" "$("$OUTLIVE" threads --json --base "$live" "$(tail -n 1 out)" > base.json &&
  json base.json 'sum(r["growth"] for r in d["rows"])')" 0
echo go >&3
exec 3>&-
wait "$pid"
is "live: its status" $? 0

# No scan, no proof.
mkdir plain
OUTLIVE_OPTIONS=out=$dir/plain LD_PRELOAD=$LIB "$PROGS/stuck_threads" exit
is "without a scan none is called blocked" "$(blocked "$(snaps plain)")" ""
done_testing
