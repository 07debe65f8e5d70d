# shellcheck shell=sh disable=SC2154
# Many processes that fork from one; it refuses to run as root.
for bin in /usr/lib/postgresql/*/bin; do PATH=$PATH:$bin; done
mkdir data && chmod 777 . data
[ "$(id -u)" != 0 ] || chown nobody data
# shellcheck disable=SC2086
$as_user initdb -D "$PWD/data" -U tester -A trust --no-sync > initdb.log 2>&1
# shellcheck disable=SC2086
start $as_user postgres -D "$PWD/data" -p "$port" -h 127.0.0.1 -k "$PWD/data" -c fsync=off -c jit=off
client="-h 127.0.0.1 -p $port -U tester"
# shellcheck disable=SC2086
until_true psql $client -c 'select 1' postgres
# shellcheck disable=SC2086
pgbench $client -i -s 1 -q postgres > init.log 2>&1
# shellcheck disable=SC2086
pgbench $client -c 4 -t 100 -n postgres 2>&1 | grep -E 'actually|failed'
# shellcheck disable=SC2086
psql $client -At -c 'select count(*), sum(aid) from pgbench_accounts' postgres
for process in $(pgrep -P "$pid"); do agree "$process" may_end; done
stop INT
