#!/bin/sh
# serve.sh SERVER: starts it on the loopback in the current folder, has real clients talk to it, prints what they got,
# its exit status, and, where it is profiled, what its descriptor table and /proc do not agree on (nothing). Clients are
# not profiled. Ports are asked for; everything is stopped by pid.
set -u
preload=${LD_PRELOAD:-}
unset LD_PRELOAD

port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
mkdir www && for i in $(seq 50); do seq "$((i * 200))" > "www/$i"; done

# start COMMAND...: as the program under test; its pid in $pid
start() {
  if [ -n "$preload" ]; then
    LD_PRELOAD=$preload "$@" > server.log 2>&1 &
  else
    "$@" > server.log 2>&1 &
  fi
  pid=$!
  for _ in $(seq 300); do
    perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]")' "$port" && return
    kill -0 "$pid" 2> kill.err || break
    sleep 0.1
  done
  echo "the server does not answer: $(cat server.log)"
  exit 1
}

get() {
  for i in $(seq 50); do echo "http://127.0.0.1:$port/$i"; done | xargs -P 4 -n 5 curl -sS --fail > got
  cksum < got | awk '{ print $2 }'
  curl -s -o none -w '%{http_code}\n' "http://127.0.0.1:$port/nothing"
}

# The table's descriptors beside /proc/PID/fd of the same moment: the server is idle.
agree() {
  [ -n "$preload" ] || return
  outlive=$(dirname "$preload")/outlive
  snap=$("$outlive" snapshot --timeout 60s "$pid") || { echo "no snapshot: $snap"; return; }
  "$outlive" info --json "$snap" | /usr/bin/python3 -c '
import json, sys
d = json.load(sys.stdin)["audit"]
for what in ("threads", "fds"):
    seen = d.get(what, {})
    if isinstance(seen, dict) and seen.get("vanished"): print("vanished", what, seen)'
}

stop() {
  agree
  kill -"${1:-TERM}" "$pid"
  wait "$pid"
  echo "status $?"
}

case $1 in
  lighttpd)
    printf 'server.document-root = "%s/www"\nserver.port = %s\nserver.bind = "127.0.0.1"\n' "$PWD" "$port" > conf
    start lighttpd -D -f conf
    get
    stop
    ;;
  haproxy)
    back=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
    /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory www "$back" > back.log 2>&1 &
    behind=$!
    cat > conf << C
global
  nbthread 2
defaults
  mode http
  timeout connect 20s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:$port
  default_backend b
backend b
  server s 127.0.0.1:$back
C
    start haproxy -db -f conf
    for _ in $(seq 100); do curl -s -o first --fail "http://127.0.0.1:$port/1" && break; sleep 0.1; done
    get
    stop USR1
    kill "$behind"
    ;;
  mosquitto)
    printf 'listener %s 127.0.0.1\nallow_anonymous true\nuser root\n' "$port" > conf
    start mosquitto -c conf
    mosquitto_sub -p "$port" -t 'a/#' -C 40 -W 60 > got &
    listener=$!
    # What is published before the listener is there is kept for it.
    for i in $(seq 40); do mosquitto_pub -r -q 1 -p "$port" -t "a/$i" -m "message $i"; done
    wait "$listener"
    sort got | cksum
    stop
    ;;
esac
