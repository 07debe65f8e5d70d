#!/bin/sh
# Real servers: the threads and descriptors of a snapshot are those of /proc; under load they grow, then they are as before.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/kinds.sh"
need jq nm nginx ab curl memcached redis-benchmark redis-check-rdb
mkdir snaps
export OUTLIVE_OPTIONS="out=$PWD/snaps"

# Under a shell of its own, so that only the server has the library.
preloaded() {
  start_server env "LD_PRELOAD=$LIB" "$@"
}

mkdir html
head -c 5000 /dev/zero > html/index.html
cat > nginx.conf << CONF
worker_processes 1; pid $PWD/nginx.pid; error_log $PWD/nginx.err; daemon off; master_process off;
events { worker_connections 256; }
http { access_log off; server { listen 127.0.0.1:PORT; root $PWD/html; } }
CONF
# shellcheck disable=SC2016
preloaded sh -c 'sed "s/listen 127.0.0.1:[A-Z0-9]*/listen 127.0.0.1:$1/" nginx.conf > nginx.PORT.conf; exec nginx -c "$PWD/nginx.PORT.conf"' sh PORT
ok "nginx: answers" curl -fsS -o /dev/null "http://127.0.0.1:$port/"
wait_for sh -c "! ls -l /proc/$pid/fd | grep -q 'html/index'"
no_clients
look
same nginx 0 0
base=$(counts)
ok "nginx: under load" ab -q -n 2000 -c 30 "http://127.0.0.1:$port/index.html"
profiled curl curl -fsS -o curl.file "http://localhost:$port/"
is "curl: gets what it should" "$status $(cmp curl.file html/index.html 2>&1)" "0 "
no_clients
look
same "nginx, after load" 0 0
is "nginx: as many threads and descriptors as before the load" "$(counts)" "$base"
is "nginx: what each request opened it has closed" "$(q '[.fd_sums[] | select(.opened > 1000) | .opened - .closed] | add')" 0
stop_pid "$pid" QUIT
is "nginx: ends well" "$status" 0
records "$(last_snap curl)"
is "curl: joined its resolver, closed its sockets" \
  "$(q '.threads | length') $(q '[.fd_sums[] | .opened - .closed] | add') $(q '.audit | .threads_unseen + .fds_vanished')" "1 0 0"

preloaded memcached -u root -l 127.0.0.1 -p PORT -t 3
no_clients
look
same memcached 0 0
base=$(counts)
# Held open, then closed.
# shellcheck disable=SC2016
perl -MIO::Socket::INET -e 'my @s = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]") } 1 .. 40;
  for my $s (@s) { print $s "set k 0 0 1\r\nx\r\n"; <$s> } open F, ">", "held"; close F;
  select undef, undef, undef, 0.1 until -e "go"' "$port" &
client=$!
wait_for test -e held
look
same "memcached, with 40 clients" 0 0
is "memcached: 40 more descriptors" "$(q '.fds | length')" $((${base%% *} + 40))
: > go
wait $client
no_clients
look
is "memcached: as before when they are gone" "$(counts)" "$base"
stop_pid "$pid"
is "memcached: ends well" "$status" 0

# redis-tools has the server's program, but no service: it looks at the name that it is called by.
ln -s "$(command -v redis-check-rdb)" redis-server
preloaded ./redis-server --port PORT --save '' --appendonly no --dir "$PWD"
ok "redis: under load" redis-benchmark -p "$port" -n 5000 -c 30 -q -t set,get
no_clients
look
# jemalloc's background thread is made where no hook is.
same redis '[01]' 0
is "redis: its own threads run" "$(q '[.threads[] | select(.state == "running" and (.name | startswith("bio_")))] | length')" 3
is "redis: made by the first thread" "$(q '[.threads[] | select(.name | startswith("bio_")) | .creator] | unique | join(" ")')" 1
stop_pid "$pid"
is "redis: ends well" "$status" 0
done_testing
