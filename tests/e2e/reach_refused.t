#!/bin/sh
# Where nobody can tell what a process reaches it says so, in a sentence, and goes on.
. "${0%/*}/lib.sh"
need jq

# refused NAME WHAT OPTIONS SENTENCE
refused() {
  rm -f in log ./*.snap
  mkfifo in
  LD_PRELOAD=$LIB OUTLIVE_OPTIONS=$3 "$PROGS/reach_refuse" "$2" < in > log 2>&1 &
  pid=$!
  pids="$pids $pid"
  exec 8> in
  wait_for grep -q . log
  if grep -q unable log; then
    result 0 "$1: this kernel cannot # SKIP"
    exec 8>&-
    stop_pid $pid KILL
    return
  fi
  status_is "$1: no verdict" "$5" "$OUTLIVE" snapshot --reach $pid
  like "$1: in a sentence" "$(cat out)" "$4"
  like "$1: the snapshot is there all the same" "$(tail -n 1 out)" '\.snap$'
  echo >&8
  exec 8>&-
  wait $pid
  is "$1: the program ends as ever" $? 0
}

refused "nothing is in the way" nothing "" 'reach: 10 B in 1 block lost for certain' 0
refused "pages that a copy does not get" dontfork "" 'no verdict: a copy of the process does not get some pages' 4
refused "userfaultfd" userfault "" 'no verdict: the program uses userfaultfd' 4
refused "a seccomp filter of its own" seccomp "" 'no verdict: the program has set a seccomp filter' 4
refused "a vfork in flight" vfork "" 'no verdict: a thread waits for its vfork child' 4
refused "a request that io_uring has" io_uring "" 'no verdict: blocks may be held by requests that the kernel has, by io_uring' 4
refused "one by io_submit" io_submit "" 'no verdict: blocks may be held by requests that the kernel has, by io_submit' 4
refused "a sample of the blocks" nothing "sample=1k" 'no verdict: only a sample of the blocks is recorded' 4
refused "mappings are not recorded" nothing "families=heap" 'no verdict: the program.s mappings are not recorded' 4
refused "the heap is not recorded" nothing "families=mmap" 'no verdict: the heap is not recorded' 4

# A debugger: with one thread nobody need be stopped.
if command -v gdb > /dev/null; then
  rm -f ./*.snap
  LD_PRELOAD='' gdb -q -batch -ex "set environment LD_PRELOAD $LIB" -ex "set environment OUTLIVE_OPTIONS reach=exit" \
    -ex "set startup-with-shell off" -ex run --args "$PROGS/reach_refuse" nothing < /dev/null > log 2>&1
  file=$(snaps . reach_refuse | tail -n 1)
  is "a debugger is in nobody's way at the end of a single thread" \
    "$("$OUTLIVE" info --json "$file" | jq -r .reach.lost.objects)" 1
fi
done_testing
