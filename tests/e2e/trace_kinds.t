#!/bin/sh
# The option trace: a program for each way to wait, with the reason, whose it is, and where; and threads that are gone.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/trace.sh"
need python3

"$PROGS/trace_kinds" > plain 2>&1
traced 64 kinds "$PROGS/trace_kinds"
is "status and output are the program's own" "$status $(cat kinds.out)" "0 $(cat plain)"
snap=$(snaps kinds trace_kinds | head -n 1)
ok "a viewer can read it" spans "$snap" k
main=$(awk -F '\t' '$1 == "thread" && $4 == "trace_kinds" { print $2 }' k)

while read -r function want; do
  is "$function" "$(kinds k "wait_$function" | sed "s/$main/MAIN/")" "$want"
done << 'KINDS'
mutex mutex|mutex 0x, held by thread MAIN|ended
timedlock mutex|mutex 0x, held by thread MAIN|ended
clocklock mutex|mutex 0x, held by thread MAIN|ended
cond condition variable|condition variable 0x|ended
cond_timed condition variable|condition variable 0x|ended
cond_clock condition variable|condition variable 0x|ended
reader rwlock|read-write lock 0x, held by thread MAIN|ended
writer rwlock|read-write lock 0x, held by thread MAIN|ended
writer_timed rwlock|read-write lock 0x, held by thread MAIN|ended
sem semaphore|semaphore 0x|ended
sem_timed semaphore|semaphore 0x|ended
barrier barrier|barrier 0x|ended
mtx mutex|mutex 0x, held by thread MAIN|ended
cnd condition variable|condition variable 0x|ended
futex futex|futex 0x|ended
read read|read fd 3|ended
write write|write fd 6|ended
recv recv|recv fd 7|ended
recvfrom recv|recv fd 7|ended
recvmsg recv|recv fd 7|ended
send send|send fd 10|ended
accept accept|accept fd 11|ended
poll poll|poll 1 descriptor|ended
ppoll poll|poll 1 descriptor|ended
select select|select|ended
pselect select|select|ended
epoll epoll|epoll fd 12|ended
epoll_p epoll|epoll fd 12|ended
nanosleep sleep|sleep|ended
clock_nanosleep sleep|sleep|ended
usleep sleep|sleep|ended
sleep sleep|sleep|ended
thrd_sleep sleep|sleep|ended
sigwait signal|wait for a signal|ended
sigsuspend signal|wait for a signal|ended
pause signal|wait for a signal|ended
flock flock|file lock fd 14|ended
msgrcv msg|message queue|ended
semop semaphore|semaphore|ended
mq read|read fd 15|ended
KINDS
like "join: of which thread" "$(kinds k wait_join)" '^join\|join of thread [0-9]+\|ended$'
like "connect" "$(kinds k wait_connect)" '^connect\|connect fd [0-9]+\|ended$'
like "waitpid: of which child" "$(kinds k wait_waitpid)" '^waitpid\|wait for a child pid [0-9]+\|ended$'
like "waitid" "$(kinds k wait_waitid)" '^waitpid\|wait for a child pid [0-9]+\|ended$'
is "sleeps take their time" \
  "$(awk -F '\t' '$3 ~ /^wait_(nanosleep|clock_nanosleep|usleep|thrd_sleep)$/ && $7 >= 20 || $3 == "wait_sleep" && $7 >= 1000' k | wc -l)" 5
is "each thread has a life line, though all but the first are gone" \
  "$(awk -F '\t' '$1 == "thread" && $4 ~ /^wait_/ && $5 < $6 { print $4 }' k | sed s/wait_// | sort | tr '\n' ' ')" \
  "$(sort plain | tr '\n' ' ')"
is "threads begin in the order in which they were made" \
  "$(awk -F '\t' '$1 == "thread" && $4 ~ /^wait_/ { print $5, $4 }' k | sort -n | sed 's/.* wait_//' | tr '\n' ' ')" \
  "$(tr '\n' ' ' < plain)"
is "where a thread was made is told" \
  "$(json k.json '{e["args"]["created_at"][0].split(" ")[0] for e in d["traceEvents"] if e["ph"] == "X" and e["name"] == "wait_mutex"}')" "{'run'}"

traced 64 late "$PROGS/trace_kinds" late "$PROGS/trace_so.so"
ok "a library that comes by dlopen" spans "$(snaps late trace_kinds | head -n 1)" l
is "is led here as soon as it does something" "$status $(kinds l so_waits)" "0 semaphore|semaphore 0x|ended"

mkdir off
OUTLIVE_OPTIONS=out=$dir/off LD_PRELOAD=$LIB "$PROGS/trace_kinds" mutex > off.out
ok "without the option" spans "$(snaps off trace_kinds | head -n 1)" o
is "nothing is kept" "$(grep -c '^wait' o)" 0

done_testing
