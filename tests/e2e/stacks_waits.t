#!/bin/sh
# `stacks` of a live process that nobody prepared: each wait by its kind, each deadlock with its proof.
. "${0%/*}/lib.sh"
need python3

mkfifo hold
background sh -c '"$1" wait < hold' sh "$PROGS/stuck_threads"
exec 3> hold
wait_for grep -q waiting "$pid.log"
pid=$(pgrep -P "$pid" || echo "$pid")

status_is "a process without liboutlive.so can be looked at" 0 "$OUTLIVE" stacks --json "$pid"
cp out stacks.json
# What the thread waits for in whose stack a function stands.
wait_of() {
  json stacks.json '[t["waits_on"]["kind"] for r in d["rows"] if "'"$1"'" in [f["function"] for f in r["stack"]] for t in r["threads"]][0]'
}
for case in "stuck_cond condition variable" "stuck_sem semaphore" "stuck_owner_ended mutex" "stuck_self mutex" "stuck_ab mutex" \
  "stuck_joins join" "live_timed semaphore" "live_file lock" "live_static mutex" "live_holder sleep" "live_joins join" "main read"; do
  is "kind of wait: ${case%% *}" "$(wait_of "${case%% *}")" "${case#* }"
done
is "all stacks are whole" "$(json stacks.json '[r["complete"] for r in d["rows"] if not r["complete"]]')" "[]"
is "and go out to where threads begin" \
  "$(json stacks.json 'sorted({[f["function"] for f in r["stack"]][-2] for r in d["rows"]})')" "['__libc_start_main', 'start_thread']"
is "a wait with a limit of time" "$(json stacks.json '[t["waits_on"]["timed"] for r in d["rows"] for t in r["threads"]].count(True)')" 2
is "the stream's lock and the static mutex are the main thread's" \
  "$(json stacks.json "[t['waits_on']['owner_tid'] for r in d['rows'] for t in r['threads']].count($pid)")" 2
is "how long, of every thread" "$(json stacks.json 'all(t["since_s"] is not None for r in d["rows"] for t in r["threads"])')" True

is "deadlocks: two, one, and one whose owner has ended" \
  "$(json stacks.json 'sorted((x["kind"], len(x["threads"])) for x in d["deadlocks"])')" "[('cycle', 2), ('owner_ended', 1), ('self', 1)]"
is "a ring: each waits for the other" \
  "$(json stacks.json '[{t["tid"] for t in x["threads"]} == {t["waits_on"]["owner_tid"] for t in x["threads"]}
    for x in d["deadlocks"] if x["kind"] == "cycle"]')" "[True]"
is "a ring: with both stacks" \
  "$(json stacks.json 'sorted(f["function"] for x in d["deadlocks"] if x["kind"] == "cycle" for t in x["threads"]
    for f in t["stack"] if f["function"].startswith("stuck"))')" "['stuck_ab', 'stuck_ba']"
status_soon "--check finds them" 1 "$OUTLIVE" stacks --check "$pid"
like "and says so" "$(cat out)" '^Deadlock: 2 threads wait for one another'
like "with the lock's address" "$(cat out)" 'tid [0-9]+ stuck_threads waits for mutex 0x[0-9a-f]+, held by thread [0-9]+$'

"$OUTLIVE" stacks --debug=2 "$pid" > debug2
is "in Go's second form, each thread" "$(grep -cE '^thread [0-9]+ \[[a-z -]+\]:$' debug2)" 18
"$OUTLIVE" stacks --debug=1 "$pid" > debug1
like "in Go's first form" "$(head -n 1 debug1)" '^thread profile: total 18$'
is "all threads" "$(awk '/ @ 0x/ { n += $1 } END { print n }' debug1)" 18
if command -v go > /dev/null; then
  ok "which go tool pprof reads" go tool pprof -raw debug1
  is "in full" "$(awk '/^Locations/ { exit } /^ +[0-9]+:/ { n += $1 } END { print n }' out)" 18
fi

# ---- refusals ----
status_is "no process" 3 "$OUTLIVE" stacks 999999999
like "in a sentence" "$(cat err)" 'there is no process'
status_is "no pid" 2 "$OUTLIVE" stacks nonsense
status_is "the kernel's own" 3 "$OUTLIVE" stacks 2
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
  status_is "another user's" 3 setpriv --reuid=65534 --clear-groups "$OUTLIVE" stacks "$pid"
  like "and who may" "$(cat err)" "another user's: run this as that user or as root"
fi
echo >&3
done_testing
