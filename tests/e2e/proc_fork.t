#!/bin/sh
# Children: a file of their own for those that are processes of their own, none for those that borrow memory.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/proc.sh"
need perl python3

for how in fork _Fork raw-fork; do
  same $how "$PROGS/proc_family" $how
  facts $how | tr '|' '\n' | sed 's/^ *//; s/ *$//' | sort > $how.facts
  is "$how: parent and child, each its own" "$(cat $how.facts)" "exit status=5 forked live=5
exit status=5 live=3"
done

same fork-killed "$PROGS/proc_family" fork-killed
like "a child that is killed" "$(facts fork-killed)" 'signal signal=15 forked live=5'
like "its parent" "$(facts fork-killed)" 'exit status=143 live=3'

same vfork "$PROGS/proc_family" vfork
is "vfork: the parent, and the image of the child" "$(facts vfork | tr '|' '\n' | sed 's/^ *//; s/ *$//' | sort)" \
  "exit status=0
exit status=6 live=4"

same spawn "$PROGS/proc_family" spawn
like "posix_spawn and system: the parent" "$(facts spawn)" 'exit status=7 live=3'
is "and one for each image" "$(snaps spawn | wc -l)" 3

same fork-exec "$PROGS/proc_family" fork-exec
is "a fork on its way to exec writes nothing" "$(facts fork-exec | grep -c forked)" 0
same fork-work-exec "$PROGS/proc_family" fork-work-exec
like "one that has worked does" "$(facts fork-work-exec)" 'exec forked live=3'

same daemon "$PROGS/proc_family" daemon
both_written() { [ "$(snaps daemon | wc -l)" = 2 ]; }
wait_for both_written
is "daemon: the parent, which leaves inside libc, and the child" \
  "$(facts daemon | tr '|' '\n' | sed 's/^ *//; s/ *$//' | sort)" "exit status=5 forked live=5
quick_exit status=0 live=3"

same storm "$PROGS/proc_family" storm 300
like "300 forks beside four threads in the allocator" "$(facts storm)" 'exit status=0 live=3'
left=
for file in $(snaps storm); do
  pid=${file%.*.snap}
  left="$left$(find /dev/shm -name "outlive.${pid##*.}.ctl")"
done
is "no control file is left behind" "$left" ""
is "nor a file half written" "$(find storm -type f ! -name '*.snap')" ""
done_testing
