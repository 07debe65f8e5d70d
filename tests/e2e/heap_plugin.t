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
done_testing
