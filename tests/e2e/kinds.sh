# shellcheck shell=sh
# kinds.sh - for fd_*.t, thread_*.t and timer_*.t, after lib.sh and heap.sh: the records behind the heap's.
#
#   records SNAP                 decoded into records.json
#   q FILTER                     a jq filter over it; text without quotes
#   fd_of CASE                   the number that the program printed for a case, in $cases ("CASE NUMBER" a line)
#   fd_row NUMBER                "FUNCTION KIND FLAGS": who opened it
#   look                         a snapshot of $pid while nothing moves in it: records.json; /proc's lists in $fds, $tasks
#   same NAME THREADS FDS        it is as /proc has it, but for so many that no hook saw (EREs); none lost, no close bad
#   counts                       "DESCRIPTORS RUNNING ENDED"
#   no_clients                   until the server on $port has closed all that its clients have closed
#   same_fds NAME                the snapshot's numbers are those that the program printed as "listed N"

records() {
  /usr/bin/python3 "$ROOT/tests/e2e/records.py" "$1" > records.json || echo '{}' > records.json
}

q() {
  jq -r "$1" records.json
}

fd_of() {
  sed -n "s/^$1 \([0-9-]*\)\$/\1/p" "$cases" | tail -n 1
}

fd_row() {
  q ".fds[] | select(.fd == ${1:--1}) | \"\(.stack[0]) \(.kind) \(.flags - [\"cloexec\"] | join(\",\"))\"" | sed 's/ $//'
}

same_fds() {
  is "$1" "$(q '[.fds[].fd] | sort | join(" ")')" \
    "$(sed -n 's/^listed \([0-9]*\)$/\1/p' "$cases" | sort -n | tr '\n' ' ' | sed 's/ $//')"
}

# What /proc lists, in one line.
listed() {
  find "/proc/$1/$2" -mindepth 1 -maxdepth 1 -printf '%f\n' 2> /dev/null | sort -n | tr '\n' ' '
}

look() {
  for try in $(seq 50); do
    fds=$(listed "$pid" fd) tasks=$(listed "$pid" task)
    snapshot_now || return 1
    [ "$fds$tasks" = "$(listed "$pid" fd)$(listed "$pid" task)" ] && break
    sleep 0.2
  done
  records "$snap"
}

same() {
  is "$1: descriptors are those of /proc" "$(q '[.fds[].fd] | sort | map("\(.) ") | add')" "$fds"
  is "$1: threads are those of /proc" \
    "$(q '[.threads[] | select(.state == "running") | .tid] | sort | map("\(.) ") | add')" "$tasks"
  like "$1: threads and descriptors that no hook saw" "$(q '.audit | "\(.threads_unseen) \(.fds_unseen)"')" "^$2 $3\$"
  is "$1: nothing has vanished, nothing is lost" \
    "$(q '.audit | .threads_vanished + .fds_vanished + .lost_threads + .lost_fds + .lost_timers')" 0
  is "$1: no close was bad" "$(q '.bad | map("\(.what) \(.stack) \(.before) \(.count)") | join("; ")')" ""
}
no_clients() {
  wait_for no_connections "$(printf '%04X' "$port")"
}
# Of IPv4: none is established (01), none waits for the server to close it (08).
no_connections() {
  ! awk '{ print $2, $4 }' /proc/net/tcp | grep -qE ":$1 0[18]\$"
}
counts() {
  q '"\(.fds | length) \([.threads[] | select(.state == "running")] | length) \([.threads[] | select(.state == "ended")] | length)"'
}
