# shellcheck shell=sh disable=SC2154
# Two threads, before a server of python's.
back=$(free_port)
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
until_true curl -s -o first --fail "http://127.0.0.1:$port/1"
get
stop USR1
kill "$behind"
