#!/bin/sh
# make demo: a redis-server under load, two snapshots, and what grew between them.
set -eu
build=$(cd "$1" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/outlive-demo.XXXXXX")
server=
finish() {
  [ -z "$server" ] || kill "$server" 2> /dev/null || true
  cd /
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$dir"
unset OUTLIVE_OPTIONS

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
show() { printf '  $ %s\n' "$*"; }

# Debian's redis-tools holds the server, too, under the name of another tool; it looks at what it is called.
ln -s "$(command -v redis-check-rdb)" redis-server
ask() { redis-cli -s "$dir/redis.sock" "$@"; }
load() { redis-benchmark -s "$dir/redis.sock" -q "$@" > /dev/null 2>&1; }

say "1. A redis-server that knows nothing of outlive, with liboutlive.so before it:"
show "LD_PRELOAD=.../liboutlive.so redis-server"
LD_PRELOAD=$build/liboutlive.so ./redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --appendonly no \
  > redis.log 2>&1 &
server=$!
tries=0
until ask ping > /dev/null 2>&1; do
  tries=$((tries + 1))
  [ $tries -lt 1200 ] || { echo "demo: redis-server does not answer:" >&2; cat redis.log >&2; exit 1; }
  sleep 0.1
done

say "2. Some load; then a snapshot of the live process:"
load -t set,get,lpush,lpop -n 50000 -P 16 -r 100000
show "outlive snapshot $server"
first=$("$build/outlive" snapshot $server | tail -n 1)
echo "  $(basename "$first")"

say "3. More load: 200,000 new session keys that never expire, and 300,000 reads and queue entries that come and go:"
ask config set maxmemory 0 > /dev/null
load -n 200000 -P 16 -r 1000000000 -d 200 set session:__rand_int__ 'a session, 64 bytes of it, that nobody will ever ask for again'
load -t get,ping -n 300000 -P 16 -r 100000
load -n 100000 -P 16 eval "redis.call('lpush', KEYS[1], 'job'); redis.call('rpop', KEYS[1])" 1 queue
show "outlive snapshot $server"
second=$("$build/outlive" snapshot $server | tail -n 1)
echo "  $(basename "$second")"

say "4. What outlived its use? What goes on being allocated and is not given back, ranked; what comes and goes is one line:"
show "outlive diff -n 3 $(basename "$first") $(basename "$second")"
echo
"$build/outlive" diff -n 3 "$first" "$second"

say "Row 1 is the path by which the new keys came in: redis reads a command, stores its value, and keeps it."

say "5. Where the source is at hand, line by line; here outlive's own, as it made that very report:"
show "LD_PRELOAD=.../liboutlive.so outlive diff ...; outlive list --sort=alloc_space read_all ..."
mkdir own
LD_PRELOAD=$build/liboutlive.so OUTLIVE_OPTIONS=out=own "$build/outlive" diff "$first" "$second" > /dev/null
echo
"$build/outlive" list --sort=alloc_space '^read_all$' own/outlive.outlive.*.snap

echo
echo "Now your own program: LD_PRELOAD=$build/liboutlive.so ./program; then outlive snapshot PID, twice; then outlive diff."
