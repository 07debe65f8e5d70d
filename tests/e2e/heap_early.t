#!/bin/sh
# Before all constructors, after main, at the ends of threads: counted like the rest.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

expect() {
  is "$1 ($run)" "$(figures top.json "$1")" "10 $((10 * $2)) 5 $((5 * $2))"
}

run=exit
profiled $run "$PROGS/heap_early"
is "the program ends well" "$status $(cat exit.out exit.err)" "0 "
ok "its snapshot loads" top $run
expect early_preinit 11
expect early_constructor 12
expect early_main 13
expect early_key 14
expect late_atexit 15
expect late_destructor 16
is "at_quick_exit's function did not run" "$(figures top.json late_quick)" "0 0 0 0"
is "no free of an unknown block" "$(jq .audit.unknown_frees top.json)" 0

run=quick
profiled $run "$PROGS/heap_early" quick
is "quick_exit ends well" "$status $(cat quick.out quick.err)" "0 "
ok "its snapshot loads" top $run
expect early_preinit 11
expect late_quick 17
is "atexit's function did not run" "$(figures top.json late_atexit)" "0 0 0 0"

run=thread_local
profiled $run "$PROGS/heap_tls"
is "thread_local objects end well" "$status $(cat thread_local.err)" "0 "
ok "the snapshot loads" top $run
is "their destructors' blocks" "$(figures top.json tls_destructor)" "40 840 20 420"
done_testing
