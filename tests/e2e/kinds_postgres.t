#!/bin/sh
# postgres: many processes that fork from one. In each, after pgbench, the threads and descriptors of a snapshot are those
# of /proc, and a backend's end leaves the others' alone.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/kinds.sh"
for bin in /usr/lib/postgresql/*/bin; do PATH=$PATH:$bin; done
need jq nm initdb postgres pgbench psql setpriv

# It refuses to run as root.
as_user=
mkdir snaps data
if [ "$(id -u)" = 0 ]; then
  user=postgres
  id postgres > /dev/null 2>&1 || user=nobody
  as_user="setpriv --reuid=$user --regid=$(id -g $user) --clear-groups"
  chmod 755 "$PWD"
  chown $user snaps data
fi
cp "$LIB" liboutlive.so
LIB=$PWD/liboutlive.so
# shellcheck disable=SC2086
ok "initdb" $as_user initdb -D "$PWD/data" -U tester -A trust --no-sync
export OUTLIVE_OPTIONS="out=$PWD/snaps"
# shellcheck disable=SC2086
start_server env "LD_PRELOAD=$LIB" $as_user postgres -D "$PWD/data" -p PORT -h 127.0.0.1 -k "$PWD/data" -c fsync=off -c jit=off \
  -c autovacuum_naptime=1d
unset OUTLIVE_OPTIONS
server=$pid
client="-h 127.0.0.1 -p $port -U tester"
# shellcheck disable=SC2086
wait_for psql $client -c 'select 1' postgres
# shellcheck disable=SC2086
ok "pgbench: its tables" pgbench $client -i -s 1 -q postgres
# shellcheck disable=SC2086
ok "pgbench: 4 clients" pgbench $client -c 4 -t 100 postgres

# A backend that waits for us, after it has seen the tables.
mkfifo to_psql
exec 8<> to_psql
# shellcheck disable=SC2086
background sh -c 'exec 8>&- < to_psql; exec "$@"' sh psql $client -At postgres
psql=$pid
echo 'select count(*) from pgbench_accounts;' >&8
wait_for grep -qx 100000 "$psql.log"
processes=0
for pid in $server $(pgrep -P "$server"); do
  name=$(tr '\0' ' ' < "/proc/$pid/cmdline" | sed 's/^postgres: *\([a-z]*\).*/\1/; s/^[^ ]*\/.*\|^postgres .*/postmaster/')
  # One that was just about to end.
  [ -n "$name" ] || continue
  look || continue
  same "postgres $name" 0 0
  processes=$((processes + 1))
  [ "$name" != tester ] || backend=$snap
done
ok "there were many: $processes" test "$processes" -ge 6
records "${backend:-none}"
is "a backend's connection was its postmaster's" \
  "$(q '.fds[] | select(.kind == "socket" and (.names | test("^tcp 127.0.0.1:[0-9]+ - "))) | .flags | join(" ")')" inherited
like "what it has of its postmaster is inherited" "$(q '[.fds[] | select(.flags | index("inherited")) | .fd] | length')" '^[3-9]$|^[0-9][0-9]$'
exec 8>&-
stop_pid "$psql"
stop_pid "$server" INT
is "it ends well" "$status" 0
like "and says that it was shut down" "$(tail -n 3 "$server.log")" 'database system is shut down'
is "no process was told of a bad close" \
  "$(for s in $(snaps snaps postgres); do records "$s"; q '.bad | length'; done | sort -u)" 0
done_testing
