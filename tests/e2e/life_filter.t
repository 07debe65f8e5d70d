#!/bin/sh
# A program that locks itself in by a filter that would kill it for a call of ours is left alone from there on: it ends as
# without us, and its last snapshot is the one from before. sshd does so for each client.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

for how in prctl seccomp strict; do
  profiled $how "$PROGS/life_filter" $how
  is "$how: output and status are the program's own" "$status $(cat $how.out $how.err)" "7 done"
  top $how
  is "$how: the snapshot is of before, and says so" "$(figures top.json before) $(jq -r .snapshot.label top.json)" \
    "1 100 1 100 before a seccomp filter"
done
status_is "check: no verdict on what was not seen to its end" 4 "$OUTLIVE" run --check -- "$PROGS/life_filter" prctl
# Blocks that need new pages of tables, threads, descriptors, a child: nothing of ours goes to the kernel on their account.
profiled busy "$PROGS/life_filter" busy
is "busy: output and status are the program's own" "$status $(cat busy.out busy.err)" "7 done"
is "busy: one snapshot, of before" "$(snaps busy | wc -l)" 1
# A filter for all threads finds the others anywhere in our code; also while snapshots are written.
for run in 1 2 3 4 5; do
  mkdir tsync$run
  OUTLIVE_OPTIONS=out=$PWD/tsync$run,interval=5ms,trace=64 LD_PRELOAD=$LIB "$PROGS/life_filter" tsync > tsync.out 2> tsync.err
  is "threads that are there when the filter comes go on, $run" "$? $(cat tsync.out tsync.err)" "7 done"
done
labels=$(for snap in $(snaps tsync5); do "$OUTLIVE" top --json "$snap" | jq -r .snapshot.label; done)
is "all that was written loads, and one is from before the filter" "$(echo "$labels" | grep -c 'before a seccomp filter')" 1
"$PROGS/life_filter" fault > native.out 2> native.err
native=$?
profiled fault "$PROGS/life_filter" fault
is "a fault behind the filter ends it as ever" "$status" "$native"
profiled refused_term "$PROGS/life_filter" refused_term
is "a signal after a filter that was refused: its status" "$status" 143
top refused_term
is "and its last snapshot" "$(figures top.json after | cut -d' ' -f1) $(jq -r .snapshot.reason top.json)" "20000 at a deadly signal"
for how in lenient refused asked; do
  profiled $how "$PROGS/life_filter" $how
  is "$how: output and status are the program's own" "$status $(cat $how.out $how.err)" "7 done"
  top $how
  is "$how: it has one snapshot" "$(snaps $how | wc -l)" 1
  is "$how: seen to its end" "$(figures top.json after | cut -d' ' -f1) $(jq -r .snapshot.reason top.json)" "20000 at _exit"
done

# A filter that was there at the start, as a container's, and refuses one of the calls that are ours: nobody waits for ever.
for call in $("$PROGS/life_given"); do
  "$PROGS/life_given" "$call" - /bin/sh -c 'echo done; exit 7' > native.out 2>&1
  native="$? $(cat native.out)"
  mkdir "given-$call"
  OUTLIVE_OPTIONS=out=$dir/given-$call,quiet=yes timeout 60 "$PROGS/life_given" "$call" "$LIB" /bin/sh -c 'echo done; exit 7' \
    > given.out 2>&1
  is "begun behind a filter that refuses $call: as natively" "$? $(cat given.out)" "$native"
done
# The last are what a program does not end without.
for call in wait4 exit_group clone; do
  is "$call: it has its snapshot" "$(snaps "given-$call" | wc -l)" 1
done

# A real one, where it is installed: it is not worth a server that the package would start. As root: its folder is root's.
if [ "$(id -u)" = 0 ] && command -v sshd > /dev/null && command -v ssh-keygen > /dev/null; then
  mkdir -p /run/sshd ssh
  ssh-keygen -q -t ed25519 -N '' -f ssh/host
  ssh-keygen -q -t ed25519 -N '' -f ssh/me
  cp ssh/me.pub ssh/authorized
  chmod 755 "$dir"
  OUTLIVE_OPTIONS=out=$dir/ssh LD_PRELOAD=$LIB start_server "$(command -v sshd)" -D -e -f /dev/null -p PORT -h "$dir/ssh/host" \
    -o ListenAddress=127.0.0.1 -o StrictModes=no -o PidFile=none -o UsePAM=no -o AuthorizedKeysFile="$dir/ssh/authorized"
  is "sshd: a client logs in, and its command runs" "$(ssh -F /dev/null -p "$port" -i ssh/me -o BatchMode=yes \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@127.0.0.1 echo through 2>&1)" through
  stop_pid "$pid"
fi
done_testing
