#!/bin/sh
# Threads are stopped by ptrace; where another traces them already, by the signal (strace lets it pass), or not at all (gdb).
. "${0%/*}/lib.sh"
need strace gdb python3

# Who is found, or why nobody is.
blocked() {
  "$OUTLIVE" threads --json -n 0 "$(snaps "$1" stuck_threads)" > threads.json
  json threads.json '" ".join(sorted(r["start_routine"] for r in d["rows"] if r["leak"] == "blocked"))'
}
scan() {
  "$OUTLIVE" info --json "$(snaps "$1" stuck_threads)" > info.json
  json info.json '" - ".join(str(d["reach"][k]) for k in ("state", "way", "why"))'
}
all='stuck_ab stuck_ba stuck_chained stuck_cond stuck_holder stuck_joins stuck_owner_ended stuck_self stuck_sem'

mkdir plain traced debugged
OUTLIVE_OPTIONS=out=$dir/plain,reach=exit LD_PRELOAD=$LIB "$PROGS/stuck_threads" exit
is "nobody traces it: ptrace" "$(scan plain)" "done - ptrace - None"

if strace -o /dev/null true 2> strace.err; then
  OUTLIVE_OPTIONS=out=$dir/traced,reach=exit strace -f -o trace.log -E "LD_PRELOAD=$LIB" "$PROGS/stuck_threads" exit
  is "under strace: its status" $? 0
  is "under strace: the signal" "$(scan traced)" "done - signal - None"
  is "under strace: the same threads" "$(blocked traced)" "$all"
  unlike "under strace: no call of the program fails with EINTR" "$(cat trace.log)" 'EINTR'

  OUTLIVE_OPTIONS=out=$dir/debugged,reach=exit gdb -q -batch -nx -ex 'set startup-with-shell off' \
    -ex "set environment LD_PRELOAD $LIB" -ex run --args "$PROGS/stuck_threads" exit > gdb.log 2>&1
  like "under gdb: it ends as ever" "$(cat gdb.log)" 'exited normally'
  is "under gdb: no verdict" "$(scan debugged)" "refused - None - a debugger is attached"
  is "under gdb: nobody is accused" "$(blocked debugged)" ""
else
  note "no ptrace here: $(cat strace.err)"
fi
done_testing
