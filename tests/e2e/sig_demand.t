#!/bin/sh
# A snapshot on demand wakes no sleeper: whatever a process waits for, it goes on waiting, and ends as without us.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/proc.sh"
need perl python3

# start MODE MS: the program waits; its standard input is fd 9, its pid in $pid, its output in MODE.got
start() {
  rm -f input
  mkfifo input
  mkdir -p "$1"
  LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/$1 "$PROGS/sig_idle" "$1" "$2" < input > "$1.got" 2>&1 &
  pid=$!
  pids="$pids $pid"
  exec 9> input
  wait_for grep -q ready "$1.got"
  # inside its call, not before it
  case $1 in busy) ;; *) wait_for sleeps "$pid" ;; esac
}
sleeps() { grep -q '^State:.S' "/proc/$1/status"; }

# finish MODE HOW WANT: ends the wait, by a line, a signal, or time
finish() {
  case $2 in
    line) echo >&9 ;;
    time) ;;
    *) kill -"$2" "$pid" ;;
  esac
  wait "$pid"
  exec 9>&-
  is "$1: the wait ends by itself" "$(sed 1d "$1.got")" "$1: $3"
}

# Two snapshots in a row, looked at when the wait is over: a look takes longer than some of the waits on a busy machine.
ask_twice() {
  : > asked
  for _ in 1 2; do
    "$OUTLIVE" snapshot --timeout 20s --label "while in $1" "$pid" >> asked 2>&1
  done
}
look_twice() {
  is "$1: two answers" "$(wc -l < asked)" 2
  while read -r file; do
    is "$1: the snapshot is there" "$(python3 "$ROOT/tests/e2e/snapinfo.py" "$file" 2>&1)" "demand live=1 label=while in $1"
  done < asked
}

while read -r mode ms how want; do
  # Where the wait ends with time, there must be enough of it for two answers, however busy the machine is.
  for times in 1 5 25; do
    rm -rf "$mode"
    start "$mode" $((ms * times))
    ask_twice "$mode"
    [ "$how" = time ] && [ "$(grep -c '\.snap$' asked)" != 2 ] && ! alive "$pid" || break
    wait "$pid"
    exec 9>&-
  done
  finish "$mode" "$how" "$want"
  look_twice "$mode"
  is "$mode: and the last one" "$(facts "$mode" | sed 's/.* | //')" "exit status=0 live=1"
done << 'MODES'
sleep 2000 time 0 , handlers ran: 0
nanosleep 2000 time 0 , handlers ran: 0
clock_nanosleep 2000 time 0 , handlers ran: 0
clock_nanosleep-until 2000 time 0 , handlers ran: 0
poll 0 line 1 , handlers ran: 0
poll-time 2000 time 0 , handlers ran: 0
ppoll 0 line 1 , handlers ran: 0
ppoll-fortified 2000 time 0 , handlers ran: 0
select 0 line 1 , handlers ran: 0
select-time 2000 time 0 , handlers ran: 0
pselect-time 2000 time 0 , handlers ran: 0
epoll 0 line 1 , handlers ran: 0
epoll_pwait 0 line 1 , handlers ran: 0
epoll_pwait2 0 line 1 , handlers ran: 0
read 0 line 1 , handlers ran: 0
recv-time 2000 time -1 Resource temporarily unavailable, handlers ran: 0
sem 0 line 0 , handlers ran: 0
semop 2000 time -1 Resource temporarily unavailable, handlers ran: 0
sigwait 0 TERM 15 , handlers ran: 0
sigtimedwait 2000 time -1 Resource temporarily unavailable, handlers ran: 0
signalfd 0 TERM 15 , handlers ran: 0
sigsuspend 0 TERM 15 , handlers ran: 15
pause 0 TERM 15 , handlers ran: 15
busy 0 line 1 , handlers ran: 0
MODES

# Who asks again and again keeps nobody from the end of a wait with a limit of time: the rest counts, not the whole.
ask_on() {
  "$OUTLIVE" snapshot "$pid" > /dev/null 2>&1
  ! alive "$pid"
}
while read -r mode want; do
  start "$mode" 700
  wait_for ask_on
  alive "$pid" && kill -9 "$pid"
  finish "$mode" time "$want"
done << 'MODES'
nanosleep 0 , handlers ran: 0
poll-time 0 , handlers ran: 0
ppoll-fortified 0 , handlers ran: 0
select-time 0 , handlers ran: 0
epoll-time 0 , handlers ran: 0
epoll_pwait-time 0 , handlers ran: 0
epoll_pwait2-time 0 , handlers ran: 0
recv-time -1 Resource temporarily unavailable, handlers ran: 0
semop -1 Resource temporarily unavailable, handlers ran: 0
sigtimedwait -1 Resource temporarily unavailable, handlers ran: 0
MODES
done_testing
