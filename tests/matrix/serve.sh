#!/bin/sh
# shellcheck disable=SC2034,SC1090
# serve.sh SERVER: tests/matrix/serve/SERVER.sh: starts it on the loopback in the current folder, has real clients talk to
# it, prints what they got, its exit status, and, where it is profiled, what its tables and /proc do not agree on while it
# is idle (nothing). Clients are not profiled. Ports are asked for; everything is stopped by pid.
#
#   $port, free_port       a port that was free just now
#   start COMMAND...       the program under test; its pid in $pid; waits until the port answers
#   start_quiet COMMAND... the same, but waits for nothing
#   until_true COMMAND...  for two minutes at most, until it succeeds
#   $as_user               before a command: as nobody, when we are root
#   agree PID [WORD...]    the process against /proc (agree.sh)
#   stop [SIGNAL [WORD...]]   agree, end it, and its status
#   ended PID              waits for it: its status
#   get                    50 files of www/ by four clients, and one that is not there
set -u
preload=${LD_PRELOAD:-}
unset LD_PRELOAD

free_port() {
  perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}

until_true() {
  for _ in $(seq 1200); do
    "$@" > until.log 2>&1 && return
    sleep 0.1
  done
  echo "never: $*: $(cat until.log)"
  return 1
}

start_quiet() {
  if [ -n "$preload" ]; then
    LD_PRELOAD=$preload "$@" > server.log 2>&1 &
  else
    "$@" > server.log 2>&1 &
  fi
  pid=$!
}

start() {
  start_quiet "$@"
  for _ in $(seq 1200); do
    perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]")' "$port" && return
    kill -0 "$pid" 2> kill.err || break
    sleep 0.1
  done
  echo "the server does not answer: $(cat server.log)"
  kill "$pid" 2> kill.err
  exit 1
}

as_user=
[ "$(id -u)" != 0 ] || as_user='setpriv --reuid=nobody --regid=nogroup --clear-groups'

get() {
  for i in $(seq 50); do echo "http://127.0.0.1:$port/$i"; done | xargs -P 4 -n 5 curl -sS --fail > got
  cksum < got | awk '{ print $2 }'
  curl -s -o none -w '%{http_code}\n' "http://127.0.0.1:$port/nothing"
}

agree() {
  sh "$MATRIX_HERE/agree.sh" "$@"
}

ended() {
  wait "$1" 2> wait.err
  echo "status $?"
}

stop() {
  signal=${1:-TERM}
  [ $# = 0 ] || shift
  agree "$pid" "$@"
  kill -"$signal" "$pid"
  ended "$pid"
}

port=$(free_port)
mkdir www && for i in $(seq 50); do seq "$((i * 200))" > "www/$i"; done
. "$MATRIX_HERE/serve/$1.sh"
