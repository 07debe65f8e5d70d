#!/bin/sh
# Each way to wait for ever, told by its kind and place by a look from outside, and by a snapshot; who made the thread.
. "${0%/*}/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq python3

# start PROGRAM: under the library, with an input that does not end; until it has said "there".
start() {
  mkdir "$1"
  rm -f hold
  mkfifo hold
  # shellcheck disable=SC2016
  background sh -c 'OUTLIVE_OPTIONS=out="$1" LD_PRELOAD="$2" exec "$3" < hold' sh "$dir/$1" "$LIB" "$PROGS/$1"
  exec 3> hold
  wait_for grep -q there "$pid.log"
}
# What the threads wait for in whose stack a function stands: of stacks.json, of threads.json.
live() {
  jq -r --arg f "$1" '[.rows[] | select(.stack | any(.function == $f)) | .threads[].waits_on.kind] | unique | join(" ")' stacks.json
}
kept() {
  jq -r --arg f "$1" '[.rows[].waits[] | select(.stack | any(.function == $f)) | .kind] | unique | join(" ")' threads.json
}
# All have begun; that all sleep where they will stay takes a moment.
take() {
  snapshot_now && "$OUTLIVE" stacks --json "$pid" > stacks.json && "$OUTLIVE" threads --json "$snap" > threads.json
}
all_stuck() {
  take || return 1
  for pair in "$@"; do
    [ "$(live "${pair%%=*}")" = "${pair#*=}" ] && [ "$(kept "${pair%%=*}")" = "${pair#*=}" ] || return 1
  done
}
compare() {
  wait_for all_stuck "$@" || true
  for pair in "$@"; do
    is "${pair%%=*} waits for: ${pair#*=}, seen from outside" "$(live "${pair%%=*}")" "${pair#*=}"
    is "${pair%%=*} waits for: ${pair#*=}, in a snapshot" "$(kept "${pair%%=*}")" "${pair#*=}"
  done
}

start stuck_kinds
compare "consume=condition variable" read_table=rwlock meet=barrier set_up=semaphore \
  take_ticket=semaphore lock_ab=mutex lock_ba=mutex drain=read await=join main=read
is "the two locks taken crosswise: each waits for the other" \
  "$(jq -c '[.rows[].waits[] | select(.kind == "mutex") | [.tids[0], .owner_tid]] | .[0] == (.[1] | reverse)' threads.json)" true
is "a join names whose end it waits for" \
  "$(jq '[.rows[].waits[] | select(.kind == "join") | .owner_tid]' threads.json)" \
  "$(jq '[.rows[] | select(.start_routine == "consume") | .tids[]]' threads.json)"
like "a pipe whose writer was left open: its other end is told" \
  "$(jq -r '.rows[].waits[] | select(.stack | any(.function == "drain")) | .waits_on' threads.json)" \
  'read fd [0-9]+ \(pipe:.*, the other end is [0-9]+ of this process\)'
is "none of them is taken for idle" "$(jq '[.rows[].waits[] | select(.idle)] | length' threads.json)" 0
is "nor in a look from outside" "$(jq '[.rows[].threads[] | select(.idle)] | length' stacks.json)" 0
status_soon "--check finds the two" 1 "$OUTLIVE" stacks --check "$pid"

# ---- who made them ----
is "each was made by main, which lives" \
  "$(jq -c --argjson main "$pid" '[.rows[].threads[] | select(.tid != $main) | [.created_site.function, .creator_tid == $main]] | unique' stacks.json)" \
  '[["start",true]]'
is "each has a number of its own, and an age" \
  "$(jq -c '[.rows[].threads[].serial] | [length, (unique | length)]' stacks.json) $(jq '[.rows[].threads[].age_s > 0] | all' stacks.json)" \
  "[10,10] true"
is "as the snapshot has it" "$(jq -c '[.rows[].threads[].tid] | sort' stacks.json)" "$(jq -c '[.rows[].tids[]] | sort' threads.json)"
like "for a person" "$("$OUTLIVE" stacks "$pid")" 'created [0-9.]+ m?s ago by  start  stuck_kinds\.c:[0-9]+  \(stuck_kinds\)$'
like "in Go's second form" "$("$OUTLIVE" stacks --debug=2 "$pid")" "^created by start in thread $pid\$"
unlike "--no-created" "$("$OUTLIVE" stacks --no-created "$pid")" 'created'

# ---- a person's own rules ----
printf 'idle:^consume$\nidle:wait=barrier\nidle:^lock_ab$\n' > own.rules
"$OUTLIVE" threads --json --suppressions=own.rules "$snap" > own.json
is "what they call idle is" "$(jq -c '[.rows[].waits[] | select(.idle) | .kind] | sort' own.json)" '["barrier","condition variable"]'
"$OUTLIVE" stacks --json --suppressions=own.rules "$pid" > own.json
is "from outside, too; but never who waits for a lock" "$(jq -c '[.rows[] | select(.idle) | .waits_on] | sort' own.json)" \
  '["barrier","condition variable"]'
is "and comes last" "$(jq -c '[.rows[].idle != null] | . == sort' own.json)" true
echo 'leak:wait=barrier' > other.rules
status_is "wait= is a pattern like any other elsewhere" 0 "$OUTLIVE" rules --suppressions=other.rules
exec 3>&-
stop_pid "$pid" KILL

# ---- C++ ----
start stacks_cxx
compare "consume=condition variable" ask=futex lock_both=mutex start_and_join=join
stop_pid "$pid" KILL

# ---- through hooks, which keep a frame pointer that the kernel does not tell of ----
cat > sockets.py << 'END'
import socket, sys, threading
l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen()
a, b = socket.socketpair()
def accepts(): l.accept()
def receives(): a.recvmsg(10, 100)
for f in (accepts, receives): threading.Thread(target=f, daemon=True).start()
print("there", flush=True)
sys.stdin.readline()
END
mkdir sockets
rm -f hold
mkfifo hold
# shellcheck disable=SC2016
background sh -c 'OUTLIVE_OPTIONS=out="$1" LD_PRELOAD="$2" exec /usr/bin/python3 sockets.py < hold' sh "$dir/sockets" "$LIB"
exec 3> hold
wait_for grep -q there "$pid.log"
compare "_PyEval_EvalFrameDefault=accept read recv"
stop_pid "$pid" KILL
done_testing
