#!/bin/sh
# A snapshot says what each thread waits for, from the kernel, with no hook in any lock; two of them for how long.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq python3 redis-server

# In the driven program's stead: it waits on its input, too.
mkfifo hold
begun=$(date +%s)
background sh -c 'OUTLIVE_OPTIONS=out="$2" LD_PRELOAD="$3" exec "$1" wait < hold' sh "$PROGS/stuck_threads" "$dir" "$LIB"
exec 3> hold
wait_for grep -q waiting "$pid.log"
# What is told is "at least": while a snapshot reads the kernel's clocks a busy machine may let it wait.
sleep 1.5
snapshot_now
first=$snap
age=$(($(date +%s) - begun + 1))
sleep 1.5
snapshot_now
second=$snap
# A third one: whoever waits has waited in all of them. Before the look from outside, which may stop a thread: that begins anew.
snapshot_now
snap=$second
"$OUTLIVE" threads --json --base "$first" "$snap" > threads.json
"$OUTLIVE" stacks --json "$pid" > stacks.json

# What threads that run FUNCTION wait for.
waits_of() {
  jq -r --arg f "$1" '[.rows[] | select(.start_routine == $f) | .waits[].kind] | unique | join(" ")' threads.json
}
for case in "stuck_self mutex" "stuck_ab mutex" "stuck_joins join" "live_static mutex" "live_holder sleep" "live_joins join" \
  "stuck_sem semaphore" "stuck_cond condition variable"; do
  is "${case%% *} waits for a ${case#* }" "$(waits_of "${case%% *}")" "${case#* }"
done
# The thread that takes a snapshot was interrupted in what it waited for.
own=$(jq -c '.rows[] | select(.main) | .waits[0] | [.kind, .at_least_s > 0.2, .site.function]' threads.json)
is "the thread that took the snapshot tells what it was in, and that our signal was no reason to count anew" "$own" \
  '["read",true,"prog_wait"]'
is "where: the function that waits, as a look from outside has it" \
  "$(jq -r '[.rows[].waits[].stack[].function | select(. != null) | select(startswith("stuck_") or startswith("live_"))] | unique | join(" ")' threads.json)" \
  "$(jq -r '[.rows[].stack[].function | select(. != null) | select(startswith("stuck_") or startswith("live_"))] | unique | join(" ")' stacks.json)"
like "a mutex names its holder" \
  "$(jq -r '.rows[] | select(.start_routine == "live_static") | .waits[0].waits_on' threads.json)" "held by thread $pid\$"
is "all of them have waited since the first snapshot, or have run" \
  "$(jq '[.rows[] | select(.start_routine != null) | .waits[] | select(.kind != "sleep") | .at_least_s > 0.2] | all' threads.json)" true
is "each thread that a look from outside finds in a mutex or a join is in the same here" \
  "$(jq -r '[.rows[].threads[] | select(.waits_on.kind == "mutex" or .waits_on.kind == "join") | .tid] | sort | join(" ")' stacks.json)" \
  "$(jq -r --argjson owner_ended "$(jq '[.deadlocks[] | select(.kind == "owner_ended") | .threads[].tid]' stacks.json)" \
    '[.rows[].waits[] | select(.kind == "mutex" or .kind == "join") | .tids[]] + $owner_ended | unique | join(" ")' threads.json)"
is "a mutex whose owner has ended says so" \
  "$(jq -c '[.rows[].waits[] | select(.owner_ended) | .stack[].function | select(. != null) | select(startswith("stuck_"))]' threads.json)" \
  '["stuck_owner_ended"]'
# The scheduler's clocks of two processors may be seconds apart.
is "no thread has waited for longer than it has lived" \
  "$("$OUTLIVE" threads --json "$first" | jq --argjson age "$age" '[.rows[].waits[].at_least_s | . == null or . < $age] | all')" true
is "one snapshot alone knows for how long" \
  "$("$OUTLIVE" threads --json "$first" | jq '[.rows[] | select(.main | not) | .waits[].at_least_s > 0] | all')" true
like "for a person" "$("$OUTLIVE" threads --base "$first" "$snap")" 'in mutex 0x[0-9a-f]+, held by thread [0-9]+; for [0-9.]+ m?s or more'
status_is "--older: who has not gone on for so long" 0 "$OUTLIVE" threads --json --base "$first" --older 200ms "$snap"
cp out older.json
is "all of them, and none that ran" \
  "$(json older.json '(len(d["rows"]) > 5, all(w["at_least_s"] >= 0.2 for r in d["rows"] for w in r["waits"]))')" "(True, True)"
status_is "--older: nobody for an hour" 0 "$OUTLIVE" threads --json --base "$first" --older 1h "$snap"
is "is an empty table" "$(json out 'd["rows"]')" "[]"
status_is "--older: of one snapshot alone, by the kernel's clock" 0 "$OUTLIVE" threads --json --older 200ms "$snap"
is "the same threads, but for the one that took it" "$(jq -c '[.rows[].tids[]] | sort' out)" \
  "$(jq -c --argjson own "$pid" '[.rows[].tids[] | select(. != $own)] | sort' older.json)"
status_is "several snapshots without --older" 2 "$OUTLIVE" threads "$first" "$snap"
status_is "--older: of several snapshots of a run" 0 "$OUTLIVE" threads --json --older 200ms "$dir"/outlive.stuck_threads.*.snap
is "in all of three" "$(jq -c '[.older.snapshots, .older.idle_left_out > 0]' out)" '[3,true]'
is "the same threads in all" "$(jq -c '[.rows[].tids[]] | sort' out)" "$(jq -c '[.rows[].tids[]] | sort' older.json)"
cp out several.json
status_is "--older: of a folder" 0 "$OUTLIVE" threads --json --older 200ms "$dir"
is "the same again" "$(jq -c '[.rows[].tids[]] | sort' out)" "$(jq -c '[.rows[].tids[]] | sort' several.json)"
is "who sleeps for a time is not among them" "$(jq '[.rows[].waits[].kind] | index("sleep")' out)" null
"$OUTLIVE" threads --json --no-builtin --older 200ms "$dir" > all.json
is "but with --no-builtin" "$(jq '[.rows[].waits[].kind] | index("sleep") != null' all.json)" true
echo >&3

mkdir redis
OUTLIVE_OPTIONS=out=$dir/redis LD_PRELOAD=$LIB start_server redis-server --port PORT --save ''
snapshot_now
"$OUTLIVE" threads --json "$snap" > redis.json
is "redis: its background threads wait for work" \
  "$(jq -r '[.rows[] | select(.start_routine == "bioProcessBackgroundJobs") | .waits[] | "\(.kind) \(.count)"] | join(" ")' redis.json)" \
  "condition variable 3"
stop_pid "$pid"

done_testing
