#!/bin/sh
# families= leaves kinds out: then no table may look as if there were none of them.
. "$(dirname "$0")/lib.sh"
need jq sqlite3

OUTLIVE_OPTIONS="out=$PWD/fds,families=fds" LD_PRELOAD=$LIB sqlite3 :memory: 'SELECT 1' > out
OUTLIVE_OPTIONS="out=$PWD/heap,families=heap+mmap" LD_PRELOAD=$LIB sqlite3 :memory: 'SELECT 1' > out
OUTLIVE_OPTIONS="out=$PWD/all" LD_PRELOAD=$LIB sqlite3 :memory: 'SELECT 1' > out
fds=$(snaps fds)
heap=$(snaps heap)
all=$(snaps all)

for verb in top list tree traces residue info; do
  "$OUTLIVE" $verb "$fds" > out 2>&1
  like "$verb: the heap was left out" "$(cat out)" 'NOT RECORDED.*families=.*: the heap, mmap'
  unlike "$verb: no figures of what is not known" "$(cat out)" '^heap: '
  "$OUTLIVE" $verb "$all" > out 2>&1
  unlike "$verb: nothing was left out" "$(cat out)" 'NOT RECORDED'
done
"$OUTLIVE" diff "$fds" "$fds" > out
like "diff: the heap was left out" "$(cat out)" 'NOT RECORDED.*: the heap, mmap$'
like "diff: and others" "$(cat out)" 'NOT RECORDED.*: threads, timers$'
like "diff: what is known has a word" "$(cat out)" '^descriptors: nothing new$'
"$OUTLIVE" diff "$all" "$heap" > out
unlike "diff: what B does not know is not said to be unchanged" "$(cat out)" 'nothing new'
"$OUTLIVE" threads "$heap" > out
like "threads" "$(cat out)" 'NOT RECORDED.*: threads$'
"$OUTLIVE" timers "$heap" > out
like "timers" "$(cat out)" 'NOT RECORDED.*: timers$'
"$OUTLIVE" fds --base "$heap" "$all" > out
like "fds: the base" "$(cat out)" 'NOT RECORDED.*: descriptors$'
"$OUTLIVE" fds "$all" > out
unlike "fds of all" "$(cat out)" 'NOT RECORDED'
is "JSON names what was recorded" "$(for s in "$fds" "$heap" "$all"; do
  "$OUTLIVE" top --json "$s" | jq -c .snapshot.families
done | tr '\n' ' ')" '["fds"] ["heap","mmap"] ["heap","mmap","threads","timers","fds"] '

# The heading counts what the table lists, or says that it leaves out.
head_is_sum() {
  "$@" > out
  head=$(sed -n 's/^\([0-9]*\) [a-z]*, ranked by.*/\1/p' out)
  listed=$(grep -cE '^ +[0-9]+ +[+-]?[0-9.]+ ' out)
  more=$(sed -n 's/^\([0-9]*\) more .*/\1/p' out | head -n 1)
  is "$2 $3 $4 $5 $6: ${head:-nothing} in the heading" "$((listed + ${more:-0}))" "${head:-0}"
}
a=$ROOT/tests/data/v1_server_1.snap b=$ROOT/tests/data/v1_server_2.snap
for sort in alloc_space inuse_space alloc_objects inuse_objects; do
  for n in 0 2; do
    head_is_sum "$OUTLIVE" top --sort=$sort -n $n "$b"
    head_is_sum "$OUTLIVE" diff --sort=$sort -n $n "$b" "$a"
    head_is_sum "$OUTLIVE" diff --sort=$sort -n $n "$a" "$b"
    head_is_sum "$OUTLIVE" diff --by=function --sort=$sort -n $n "$a" "$b"
    head_is_sum "$OUTLIVE" top --by=line --sort=$sort -n $n "$b"
  done
done
done_testing
