# shellcheck shell=sh disable=SC2034,SC2154
# idle.sh - for tests of who waits for work and who is stuck; sourced after lib.sh and heap.sh.
#
#   preloaded COMMAND...     starts it with the library; pid in $pid, snapshots in snaps/
#   not_idle NAME KINDS      what waits and is not idle, from outside and in a snapshot, whose name is then in $snap
#   not_idle_live NAME KINDS    from outside alone
#   reasons                  why the others are, in the last snapshot
mkdir snaps
chmod 1777 snaps
preloaded() {
  # shellcheck disable=SC2016
  background env OUTLIVE_OPTIONS="out=$dir/snaps" LD_PRELOAD="$LIB" "$@"
}
# What waits and is not idle, as both see it: kinds, sorted. A thread that just runs is asked for again.
busy_live() { "$OUTLIVE" stacks --json "$pid" | jq -r '[.rows[].threads[] | select(.idle == null) | .waits_on.kind] | sort | join(" ")'; }
busy_kept() {
  snapshot_now && echo "$snap" > last && "$OUTLIVE" threads --json "$snap" > threads.json || return 1
  jq -r '[.rows[] | if (.waits | length) == 0 then "running" else .waits[] | select(.idle == null) as $w | $w.tids[] | $w.kind end] | sort | join(" ")' \
    threads.json
}
agrees() { [ "$("$1")" = "$2" ]; }
not_idle_live() { ok "$1: not idle, from outside: ${2:-nothing}" wait_for agrees busy_live "$2"; }
not_idle() {
  not_idle_live "$@"
  ok "$1: not idle, in a snapshot: ${2:-nothing}" wait_for agrees busy_kept "$2"
  snap=$(cat last)
}
reasons() { jq -r '[.rows[].waits[].idle | select(.)] | unique | join("; ")' threads.json; }
