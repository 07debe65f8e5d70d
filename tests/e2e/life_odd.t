#!/bin/sh
# What programs may do, and few have in mind: they run as without us.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/proc.sh"
need perl jq

# odd CASE: plain and profiled
odd() {
  same "$1" "$PROGS/life_odd" "$1"
  unlike "$1: right" "$(cat "$1.got")" 'WRONG'
  like "$1: to its end" "$(cat "$1.got")" '^status 0 signal 0'
}
# made CASE FUNCTION: "ALLOCATED IN-USE" of its blocks
made() {
  "$OUTLIVE" top --json -n 0 "$(snaps "$1" life_odd | tail -n 1)" > top.json
  jq -r --arg f "$2" '[.rows[] | select(.stack[0].function == $f)] | "\(map(.alloc_objects) | add) \(map(.inuse_objects) | add)"' top.json
}
reach() {
  "$OUTLIVE" info --json "$(snaps "$1" life_odd | tail -n 1)" | jq -r '"\(.reach.state) by \(.reach.way)"'
}

odd own_page
if [ "$(id -u)" = 0 ]; then
  # It has no rights any more when it ends.
  chmod 755 . && mkdir -m 777 locked
  odd locked
fi

# Threads by a raw clone, some without any thread-local memory, while snapshots are written and at the end.
OPTIONS=interval=10ms,reach=exit
for way in raw_shares raw_has_none; do
  odd $way
  is "$way: the others' blocks are counted" "$(made $way beside)" "5000 0"
  is "$way: and it is told" "$(jq .audit.threads_unseen top.json)" 1
  is "$way: it stands still for a look at what is reached" "$(reach $way)" "done by ptrace"
done
# What both count at once on one memory may be wrong; neither sees it.
odd raw_opens
if strace -o /dev/null true 2> strace.err; then
  for way in raw_shares raw_has_none; do
    mkdir traced_$way
    OUTLIVE_OPTIONS=out=$dir/traced_$way,$OPTIONS strace -f -o trace.log -E "LD_PRELOAD=$LIB" "$PROGS/life_odd" $way > out 2> err
    is "$way, under strace: its status" "$? $(cat out err)" "0 it is made: right"
    is "$way, under strace: stopped by the signal" "$(reach traced_$way)" "done by signal"
  done
else
  note "no ptrace here: $(cat strace.err)"
fi

# The kernel gives back what is held at the end, however that comes, and whatever we write just before.
odd robust
OPTIONS=
odd handler
# Its child is in the middle of our hook, and has no context of its own yet.
odd forking
# What a malloc has chosen to compare is still there when the handler has met thousands of stacks, cut before its frame.
OPTIONS=depth=26
odd opening
OPTIONS=

# An auditor comes first, and leaves little room in the loader's reserve of thread-local memory.
same audited env LD_AUDIT="$PROGS/life_audit_so.so" "$PROGS/life_odd" own_page
like "audited: to its end" "$(cat audited.got)" '^status 0 signal 0'
is "audited: counted as ever" "$(made audited own_page)" "$(made own_page own_page)"

# Without a place to write to it says so once for each process, and goes on.
if [ "$(id -u)" = 0 ] && unshare -m true 2> unshare.err; then
  OPTIONS=quiet=yes
  odd pivoted
  OPTIONS=
  mkdir told
  (cd told && OUTLIVE_OPTIONS=out=$dir/told LD_PRELOAD=$LIB "$PROGS/life_odd" pivoted) > out 2> err
  is "pivoted: that there is no snapshot is told" "$? $(sort -u err)" \
    "0 outlive: no snapshot in $dir/told: the program has changed its root folder (chroot)"
else
  note "no right to another root: $(cat unshare.err 2>&1)"
fi
done_testing
