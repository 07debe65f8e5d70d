# shellcheck shell=sh disable=SC2034
# lib.sh - for the end-to-end tests: TAP out. Sourced first; the current folder is then a temporary one.
#
#   OUTLIVE, LIB, PROGS, ROOT    the analyzer, liboutlive.so, the folder of tests/progs, the project
#   need PROGRAM...              skips the file without them; fails in CI
#   ok NAME COMMAND...           the command succeeds
#   is NAME GOT WANT             equal text
#   like NAME TEXT ERE           some line of the text matches; unlike: none does
#   status_is NAME WANT COMMAND...    exit status; output is kept in files "out" and "err"
#   status_soon NAME WANT COMMAND...  the same of a command that is run again until it has it: who looks, may see a thread
#                                just going to sleep
#   note TEXT                    a TAP comment
#   background COMMAND...        starts it, pid in $pid, its output in $pid.log; it is ended with the test
#   start_server COMMAND...      the same on a free port of the loopback, written PORT in the command; waits until it
#                                answers; pid in $pid, port in $port
#   wait_for COMMAND...          until it succeeds; fails after two minutes
#   stop_pid PID [SIGNAL]        ends a child of the test and waits for it; its status in $status
#   child PID                    the process that it has as its child
#   has_page PID                 its control file is there, and is its own
#   ready PID                    the library in it can be asked for a snapshot
#   snaps [DIR [COMMAND]]        snapshot files, the process that began first at first, then by sequence
#   json FILE EXPRESSION         a Python expression over d, the document
#   done_testing                 the plan; the last line of a test
set -u
tests=0
failed=0
jobs=0
pids=

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
O=${OUTLIVE_BUILD:-${O:-$ROOT/build}}
O=$(cd "$O" && pwd) || exit 1
OUTLIVE=$O/outlive
LIB=$O/liboutlive.so
PROGS=$O/tests/progs
TMPDIR=${TMPDIR:-/tmp}
export LC_ALL=C
unset OUTLIVE_OPTIONS LD_PRELOAD LSAN_OPTIONS

# The path of a socket in it must not be longer than 107 bytes.
[ ${#TMPDIR} -le 50 ] || TMPDIR=/tmp
dir=$(mktemp -d "$TMPDIR/outlive-test.XXXXXX") || exit 1
cd "$dir" || exit 1

tidy_up() {
  # TERM first: `outlive run` passes it on to its command, KILL would leave that behind.
  for p in $pids; do kill "$p" 2> /dev/null; done
  for p in $pids; do
    for try in $(seq 50); do
      alive "$p" || break
      sleep 0.1
    done
    kill -9 "$p" 2> /dev/null
    wait "$p" 2> /dev/null
    [ -d "/proc/$p" ] || rm -f "/dev/shm/outlive.$p.ctl"
  done
  cd / && rm -rf "$dir"
}
trap tidy_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

need() {
  for program in "$@"; do
    command -v "$program" > /dev/null && continue
    if [ "${CI:-}" = true ]; then
      echo "not ok 1 - $program is missing (scripts/deps test)"
      echo "1..1"
      exit 1
    fi
    echo "1..0 # SKIP $program is missing (scripts/deps test)"
    exit 0
  done
}

note() {
  printf '%s\n' "$*" | sed 's/^/# /'
}

# result STATUS NAME
result() {
  tests=$((tests + 1))
  if [ "$1" = 0 ]; then
    echo "ok $tests - $2"
    return 0
  fi
  failed=1
  echo "not ok $tests - $2"
  return 1
}

ok() {
  ok_name=$1
  shift
  "$@" > out 2> err
  ok_status=$?
  result $ok_status "$ok_name" && return
  note "status $ok_status of: $*"
  note "$(head -n 20 out err)"
}

is() {
  if [ "$2" = "$3" ]; then result 0 "$1"; return; fi
  result 1 "$1"
  note "got:  $2"
  note "want: $3"
}

like() {
  if printf '%s\n' "$2" | grep -qE -- "$3"; then result 0 "$1"; return; fi
  result 1 "$1"
  note "no line matches: $3"
  note "$(printf '%s\n' "$2" | head -n 30)"
}

unlike() {
  if ! printf '%s\n' "$2" | grep -qE -- "$3"; then result 0 "$1"; return; fi
  result 1 "$1"
  note "a line matches: $3"
  note "$(printf '%s\n' "$2" | grep -E -- "$3" | head -n 30)"
}

status_is() {
  status_name=$1 status_want=$2
  shift 2
  "$@" > out 2> err
  status=$?
  [ $status = "$status_want" ] && { result 0 "$status_name"; return; }
  result 1 "$status_name"
  note "status $status, want $status_want, of: $*"
  note "$(head -n 20 out err)"
}

status_soon() {
  soon_name=$1 soon_want=$2
  shift 2
  wait_for has_status "$@" || true
  [ "$soon_status" = "$soon_want" ] && { result 0 "$soon_name"; return; }
  result 1 "$soon_name"
  note "status $soon_status, want $soon_want, of: $*"
  note "$(head -n 20 out err)"
}

has_status() {
  "$@" > out 2> err
  soon_status=$?
  [ $soon_status = "$soon_want" ]
}

background() {
  jobs=$((jobs + 1))
  "$@" > job$jobs.log 2>&1 &
  pid=$!
  # A link, which may dangle for a moment: it is the child that opens the file, and we may be faster.
  ln -sf job$jobs.log $pid.log
  pids="$pids $pid"
}

# Succeeds when something answers on the port of the loopback.
answers() {
  perl -MIO::Socket::INET -e \
    'exit(IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", Timeout => 1) ? 0 : 1)' "$1"
}

alive() {
  kill -0 "$1" 2> /dev/null && [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2> /dev/null)" != Z ]
}

# Another program can take the port between the question and the bind: then once more.
start_server() {
  for attempt in 1 2 3 4 5; do
    port=$(perl -MIO::Socket::INET -e \
      'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
    start_wrap=$(for word in "$@"; do printf '%s\n' "$word" | sed "s/PORT/$port/g"; done)
    # shellcheck disable=SC2086
    start_with_words "$start_wrap"
    for try in $(seq 600); do
      # Another's answer is none.
      answers "$port" && alive "$pid" && return 0
      alive "$pid" || break
      sleep 0.1
    done
  done
  echo "not ok $((tests + 1)) - server starts: $*"
  note "attempt $attempt, try $try: $(tail -n 20 "$pid.log")"
  echo "1..$((tests + 1))"
  exit 1
}

# Words, one a line.
start_with_words() {
  old_ifs=$IFS
  IFS='
'
  set -f
  # shellcheck disable=SC2086
  set -- $1
  set +f
  IFS=$old_ifs
  background "$@"
}

# Seconds since the machine was started.
clock() {
  read -r since_start _ < /proc/uptime
  echo "${since_start%.*}"
}

wait_for() {
  wait_until=$(($(clock) + 120))
  until "$@" > wait_for.out 2>&1; do
    [ "$(clock)" -ge $wait_until ] || { sleep 0.1; continue; }
    note "waited in vain for: $*"
    note "$(head -n 20 wait_for.out)"
    return 1
  done
}

child() {
  tr -d ' ' < "/proc/$1/task/$1/children"
}

# Numbers of processes come again, and who was killed has left his file: it tells when its process was started.
has_page() {
  [ "$(od -An -tu8 -j16 -N8 "/dev/shm/outlive.$1.ctl" | tr -d ' ')" = "$(sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20)" ]
}

# The highest signals are taken last, when all is ready.
ready() {
  has_page "$1" && grep -q '^SigCgt:.f' "/proc/$1/status"
}

stop_pid() {
  kill -"${2:-TERM}" "$1" 2> /dev/null
  wait "$1" 2> /dev/null
  status=$?
}

snaps() {
  # outlive.<command>.<pid>.<seq>.snap; a command may have dots, so count fields from the end. Numbers of processes begin
  # again at 300 when they are used up, which is once in a while: of several processes the snapshots tell who was first.
  snaps_found=$(find "${1:-.}" -maxdepth 1 -name "outlive.${2:-*}.*.*.snap" | awk -F. '{ print $(NF-2), $(NF-1), $0 }' |
    sort -k1,1n -k2,2n)
  [ -n "$snaps_found" ] || return 0
  if [ "$(printf '%s\n' "$snaps_found" | cut -d' ' -f1 | uniq | wc -l)" = 1 ]; then
    printf '%s\n' "$snaps_found" | cut -d' ' -f3-
  else
    printf '%s\n' "$snaps_found" | cut -d' ' -f3- | /usr/bin/python3 "$ROOT/tests/e2e/snapinfo.py" --order
  fi
}

json() {
  /usr/bin/python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$1" "$2"
}

done_testing() {
  [ $tests -gt 0 ] || result 1 "a test that tests nothing"
  echo "1..$tests"
  exit $failed
}
