#!/bin/sh
# A raw fork while other threads hold outlive's locks: the child must not wait for a thread that it does not have.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"

profiled raw "$PROGS/proc_rawfork"
is "300 children of raw forks all come back" "$status $(cat raw.out raw.err)" "0 0"
done_testing
