# shellcheck shell=sh
# kinds.sh - for fd_*.t, thread_*.t and timer_*.t, after lib.sh and heap.sh: the records behind the heap's.
#
#   records SNAP                 decoded into records.json
#   q FILTER                     a jq filter over it; text without quotes
#   fd_of CASE                   the number that the program printed for a case, in $cases ("CASE NUMBER" a line)
#   fd_row NUMBER                "FUNCTION KIND FLAGS": who opened it
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
