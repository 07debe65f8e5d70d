#!/bin/sh
# Programs in a tree of processes that the library does not get into: told, never counted as clean; and nobody who was seen
# is called unseen, however he was started.
. "$(dirname "$0")/lib.sh"
need sqlite3 cc groff

echo 'int main(void) { return 0; }' > a.c
cc -o seen a.c && cc -static -o unseen a.c || exit 1
PATH=$PWD:$PATH
start=$PROGS/tree_starts
hidden="not seen: 1 process of $PWD/unseen \\(static\\): LD_PRELOAD does not reach"

for way in execve execl execlp execvp twice vfork spawn spawnp nobody; do
  status_is "$way: who is seen is clean" 0 "$OUTLIVE" run --check -- "$start" $way "$PWD/seen"
  unlike "$way: and not called unseen" "$(cat err)" 'not seen|could not be seen'
  is "$way: it ran" "$(cat out)" "$way: 0"
  status_is "$way: who is not gives no verdict" 4 "$OUTLIVE" run --check -- "$start" $way "$PWD/unseen"
  like "$way: is named, with the reason" "$(cat err)" "^$hidden"
  like "$way: and in the last line" "$(tail -n 1 err)" 'no verdict: .*, and 1 that could not be seen; the command exited'
done
cc -static-pie -o unseen-pie a.c || exit 1
for way in execve vfork spawn; do
  status_is "$way: a static program that lies anywhere gives no verdict, either" 4 "$OUTLIVE" run --check -- "$start" $way "$PWD/unseen-pie"
  like "$way: is told" "$(cat err)" "^not seen: 1 process of $PWD/unseen-pie \\(static\\)"
done
for way in execlp execvp spawnp; do
  status_is "$way: found in PATH" 4 "$OUTLIVE" run --check -- "$start" $way unseen
  like "$way: where it was found" "$(cat err)" "^$hidden"
done
mkdir below
cd below || exit 1
status_is "a relative path: from another folder" 4 "$OUTLIVE" run --check -- sh -c "cd ..; '$start' spawn ./unseen; :"
like "is found all the same" "$(cat err)" "^not seen: 1 process of .*/\\./unseen \\(static\\)"
cd ..

status_is "--unseen accept" 0 "$OUTLIVE" run --check --unseen accept -- "$start" spawn "$PWD/unseen"
like "still told" "$(cat err)" "^not seen: 1 process of $PWD/unseen \\(static\\)\$"
like "in the last line, too" "$(tail -n 1 err)" 'check: clean: 1 process, and 1 that could not be seen;'
status_is "--unseen of something else" 2 "$OUTLIVE" run --check --unseen maybe -- true
status_is "programs of the system do not prevent a verdict" 0 "$OUTLIVE" run --check -- sh -c '/sbin/ldconfig --version; :'
like "and are told" "$(cat err)" '^not seen: 1 process of /sbin/ldconfig'
status_is "an environment without LD_PRELOAD" 0 "$OUTLIVE" run --check -- "$start" bare "$PWD/seen"
like "is told for what it may be" "$(cat err)" "^not seen: 1 process of $PWD/seen, started without liboutlive.so, or ended before"
status_is "a command that becomes such a program" 4 "$OUTLIVE" run --check -- sh -c "exec $PWD/unseen"
like "is named by what it became" "$(cat err)" "^NOTHING WAS SEEN of $PWD/unseen, which .* became by exec: it is static"
status_is "a program that is not there" 0 "$OUTLIVE" run --check -- sh -c "$PWD/nothing; :"
unlike "is nothing that was not seen" "$(cat err)" 'not seen'
status_is "children that are not followed are none" 0 "$OUTLIVE" run --check --follow no -- "$start" spawn "$PWD/seen"
unlike "which is meant" "$(cat err)" 'not seen'
status_is "nor what --only leaves out" 0 "$OUTLIVE" run --check --only tree_starts -- "$start" spawn "$PWD/unseen"
unlike "which is meant, too" "$(cat err)" 'not seen'
status_is "what it names is" 4 "$OUTLIVE" run --check --only 'tree_starts+unseen' -- "$start" vfork "$PWD/unseen"
status_is "with a budget, too" 4 "$OUTLIVE" run --check --max-residue 1G -- "$start" execve "$PWD/unseen"
like "a count for machines" "$("$OUTLIVE" run --check --report json:r.json -- "$start" spawn "$PWD/unseen" 2>&1; json r.json 'd["unseen_processes"], d["verdict"]')" \
  "^\\(1, 'lossy'\\)\$"

# A hundred at a time, by vfork and posix_spawn: beginnings stand before and after the lines of those who started them.
# shellcheck disable=SC2016
status_is "many at once" 4 "$OUTLIVE" run --check -- \
  sh -c 'for i in $(seq 25); do "$1" spawn "$2" & "$1" vfork "$2" & "$1" spawn "$3" & "$1" vfork "$3" & done; wait' sh "$start" "$PWD/seen" "$PWD/unseen"
like "counts those that were not seen" "$(cat err)" "^not seen: 50 processes of $PWD/unseen "
unlike "and no other" "$(cat err)" "of $PWD/seen"

# What runs a suite and leaves something itself is not what is tested; alone it is.
status_is "a program of the system that runs others" 0 "$OUTLIVE" run --check --explain -- groff --version
like "is accepted with a reason" "$(cat err)" 'heap lost: .*a program of the system, which was run on the way'
status_is "alone it is what is meant" 1 "$OUTLIVE" run --check -- date
jemalloc=$(find /usr/lib/x86_64-linux-gnu -name libjemalloc.so.2 | head -n 1)
# shellcheck disable=SC2016
status_is "a program of the system on an allocator before ours" 0 "$OUTLIVE" run --check -- \
  sh -c 'LD_PRELOAD="$1 $LD_PRELOAD" sqlite3 :memory: "select 1"; :' sh "$jemalloc"
like "is not shown as clean without a word" "$(cat err)" '^not seen: the heap of sqlite3: another malloc stands before'
done_testing
