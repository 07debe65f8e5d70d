#!/bin/sh
# Libraries that come and go: those that bypass us are told, those that are closed keep their names.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

profiled deep "$PROGS/heap_plugin" "$PROGS/heap_plugin_so.so" deep
is "blocks that we never saw are freed like any other" "$status $(cat deep.err)" "0 "
ok "the snapshot loads" top deep
is "they are counted as unknown" "$(jq .audit.unknown_frees top.json)" 100
# Our 100 blocks are freed past us; that malloc gives their address again tells of all but the last.
is "ours were seen made" "$(figures top.json plugin_mixed)" "100 40000 1 400"
is "frees past us show when an address comes again" "$(jq .audit.unseen_frees top.json)" 99

profiled close "$PROGS/heap_plugin" "$PROGS/heap_plugin_so.so" close
is "a library that is closed" "$status $(cat close.err)" "0 "
ok "the snapshot loads, too" top close
is "its blocks have its name still" "$(figures top.json plugin_make)" "50 3500 50 3500"
is "and who called it" "$(figures top.json plugin_leaks)" "50 3500 50 3500"

# Code that comes and goes 2000 times, at addresses that others have had, while stacks are taken and snapshots written.
mkdir loop
OUTLIVE_OPTIONS="out=$PWD/loop,interval=20ms" LD_PRELOAD=$LIB "$PROGS/heap_plugin" "$PROGS/heap_plugin_so.so" loop > loop.out 2>&1
is "a library that is opened and closed by four threads: it ends as ever" "$? $(cat loop.out)" "0 "
bad=0
for file in $(snaps loop); do
  "$OUTLIVE" info "$file" > info.out 2>&1 || bad=$((bad + 1))
done
is "every snapshot is whole" $bad 0
ok "the last one loads" top loop
is "each block is counted, under the library's name" "$(figures top.json plugin_make)" "2000 60000 4 120"
is "nothing is lost, no free unknown" "$(jq -c '[(.audit.lost | add // 0), .audit.unknown_frees]' top.json)" '[0,0]'
done_testing
