#!/bin/sh
# However an image ends: as without us, to the signal and the core, and with exactly one last snapshot.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/proc.sh"
need perl python3

# shellcheck disable=SC3045
ulimit -c unlimited

# ends HOW WHAT-THE-SNAPSHOT-SAYS
ends() {
  same "$1" "$PROGS/proc_end" "$1"
  is "$1: one snapshot" "$(facts "$1")" "$2"
}

ends return 'exit status=2 live=3'
ends exit 'exit status=3 live=3'
ends _exit 'quick_exit status=4 live=3'
ends _Exit 'quick_exit status=5 live=3'
ends quick_exit 'quick_exit status=6 live=3'
ends atexit-leaves 'quick_exit status=12 live=3'
ends last-thread 'exit status=0 live=3'
ends signal-then-exit 'exit status=1 live=3'

ends segv 'signal signal=11 live=3'
ends segv-far 'signal signal=11 live=3'
ends fpe 'signal signal=8 live=3'
ends ill 'signal signal=4 live=3'
ends trap 'signal signal=5 live=3'
ends bus 'signal signal=7 live=3'
ends segv-thread 'signal signal=11 live=3'
ends segv-tiny-altstack 'signal signal=11 live=3'
ends overflow-altstack 'signal signal=11 live=3'
ends segv-handler 'quick_exit status=11 live=3'
ends segv-jump 'exit status=7 live=3'
# No room for any handler: the kernel ends the process as it would without one.
ends overflow ''
ends segv-blocked ''

ends abort 'abort signal=6 live=3'
ends abort-handler 'abort signal=6 live=3'
ends abort-oneshot 'abort signal=6 live=3'
ends abort-ignored 'abort signal=6 live=3'
ends abort-blocked 'abort signal=6 live=3'
ends abort-blocked-handler 'abort signal=6 live=3'
ends abort-jump 'exit status=8 live=3'
ends assert 'abort signal=6 live=3'
ends double-free 'abort signal=6 live=3'

ends handler-exits 'quick_exit status=15 live=3'
ends handler-again 'signal signal=15 live=3'
ends oneshot 'signal signal=2 live=3'
ends pipe 'signal signal=13 live=3'
ends alarm 'signal signal=14 live=3'
ends cpu-limit 'signal signal=24 live=3'
ends queued 'signal signal=37 live=3'

for sig in 1 2 3 4 5 6 7 8 10 11 12 13 14 15 16 24 25 26 27 29 30 31 34 50 60 64; do
  ends kill-$sig "signal signal=$sig live=3"
done
# These end nothing, or cannot be caught.
for sig in 17 18 23 28; do
  ends kill-$sig 'exit status=2 live=3'
done
ends kill-9 ''
done_testing
