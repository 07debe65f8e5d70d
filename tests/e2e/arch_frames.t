#!/bin/sh
# A signal's frame, a way through libc, vfork, syscall(): on this processor. tests/portability has it for others.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/arch.sh"
need jq

frames_hold
done_testing
