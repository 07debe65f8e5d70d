#!/bin/sh
# Threads are cancelled in every hooked function that is a cancellation point: their handlers run, once, as without us, and what
# those free is counted.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

# POSIX's list and libc's own, as far as we interpose them; what is missing in the program is not tried.
"$PROGS/life_cancel" names > names
for name in accept accept4 close creat creat64 epoll_pwait epoll_pwait2 fcntl fcntl64 open open64 openat openat64 __open_2 \
  __open64_2 __openat_2 __openat64_2 ppoll __ppoll_chk pselect pthread_join pthread_timedjoin_np pthread_clockjoin_np thrd_join \
  recvmsg recvmmsg sigsuspend __sigsuspend sigtimedwait sigwait sigwaitinfo fopen fopen64 fclose freopen freopen64 tmpfile \
  tmpfile64 mkstemp popen opendir setmntent getpwent syslog; do
  grep -q ", $name," "$ROOT/preload/hooks.def" || note "$name is not hooked"
  grep -qx "$name" names || echo "$name"
done > missing
is "each hooked cancellation point is tried" "$(cat missing)" ""
"$PROGS/life_cancel" > plain 2>&1 < /dev/null
plain=$?
profiled cancel "$PROGS/life_cancel" < /dev/null
is "status and output are the program's own" "$status $(cat cancel.out cancel.err)" "$plain $(cat plain)"
is "every thread was cancelled, every handler ran once" "$(grep -vc ': 1 handlers, cancelled$' plain)" 0
"$OUTLIVE" top --json -n 0 "$(snaps cancel life_cancel | head -n 1)" > top.json
is "what the handlers freed is counted" \
  "$(jq -c '[.rows[] | select(.stack[0].function == "at_point") | [.alloc_objects, .inuse_objects]]' top.json)" "[[$(wc -l < names),0]]"
is "nothing is lost, no free unknown" "$(jq -c '[(.audit.lost | add // 0), .audit.unknown_frees]' top.json)" '[0,0]'
done_testing
