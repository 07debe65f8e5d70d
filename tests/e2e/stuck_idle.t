#!/bin/sh
# Real programs that wait for work are told from threads that are stuck, from outside and in snapshots: by rules that are listed.
. "${0%/*}/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/idle.sh"
for bin in /usr/lib/postgresql/*/bin; do PATH=$PATH:$bin; done
PATH=$PATH:/usr/sbin
need jq script python3 redis-server nginx java node postgres initdb setpriv

preloaded redis-server --port 0 --unixsocket "$dir/redis.sock" --save ''
wait_for [ -S redis.sock ]
# --older below asks for a millisecond.
sleep 0.3
not_idle redis ''
is "redis: why" "$(reasons)" \
  "an event loop waits for the next event; jemalloc's threads wait to tidy up; redis's and valkey's threads wait for a job"
script -qec "stty cols 50; '$OUTLIVE' threads --color=never '$snap'" /dev/null < /dev/null | tr -d '\r' > narrow
like "redis: on a narrow terminal, too" "$(cat narrow)" '^ *at  bioProc'
unlike "redis: a place stands behind its word" "$(cat narrow)" '^ *at$'
"$OUTLIVE" threads --json --no-builtin "$snap" > threads.json
is "redis: --no-builtin knows of none" "$(reasons)" ""
status_is "redis: nobody has been stuck for a while" 0 "$OUTLIVE" threads --json --older 1ms "$snap"
is "redis: the bio threads are left out, and counted" "$(jq -c '[(.rows | length), (.older.idle_left_out >= 3)]' out)" '[0,true]'
stop_pid "$pid"

mkdir nginx
cat > nginx/conf << 'END'
daemon off; worker_processes 1; error_log error.log; pid pid; user root;
events { worker_connections 16; }
http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  server { listen unix:sock; } }
END
preloaded nginx -p "$dir/nginx/" -c conf
master=$pid
wait_for pgrep -P "$master"
not_idle "nginx's master" ''
pid=$(pgrep -P "$master")
not_idle "nginx's worker" ''
is "nginx's worker: why" "$(reasons)" "an event loop waits for the next event"
stop_pid "$master"

as_user=
mkdir data
if [ "$(id -u)" = 0 ]; then
  user=postgres
  id postgres > /dev/null 2>&1 || user=nobody
  as_user="setpriv --reuid=$user --regid=$(id -g $user) --clear-groups"
  chmod 755 "$dir"
  chown $user data
fi
# shellcheck disable=SC2086
ok "initdb" $as_user initdb -D "$dir/data" -U tester -A trust --no-sync
cp "$LIB" liboutlive.so
# shellcheck disable=SC2086
preloaded $as_user env LD_PRELOAD="$dir/liboutlive.so" postgres -D "$dir/data" -h '' -k "$dir/data" -c jit=off -c autovacuum_naptime=1d
postmaster=$pid
wait_for [ -S data/.s.PGSQL.5432 ]
wait_for sh -c '[ "$(pgrep -c -P "$1")" -ge 4 ]' sh "$postmaster"
not_idle "postgres: the postmaster" ''
for pid in $(pgrep -P "$postmaster"); do
  not_idle "postgres: $(sed 's/^postgres: //; s/ *$//' "/proc/$pid/cmdline" | tr -d '\0')" ''
done
pid=$postmaster
stop_pid "$pid" INT

mkfifo hold
preloaded sh -c 'exec "$@" < hold' sh "$PROGS/stuck_omp"
exec 3> hold
wait_for grep -q there "$pid.log"
not_idle "OpenMP: but the thread that has work" read
is "OpenMP: why" "$(reasons)" "OpenMP's threads wait for the next parallel region"
exec 3>&-
stop_pid "$pid"

cat > wait.py << 'END'
import queue, sys, threading
q = queue.SimpleQueue()
for i in range(3): threading.Thread(target=q.get, daemon=True).start()
print("there", flush=True)
sys.stdin.readline()
END
preloaded sh -c 'exec /usr/bin/python3 wait.py < hold'
exec 3> hold
wait_for grep -q there "$pid.log"
not_idle "python: its threads wait for a queue, which no rule knows to be filled" "read semaphore semaphore semaphore"
echo 'idle:module=/_queue.cpython-' > own.rules
"$OUTLIVE" threads --json --suppressions=own.rules "$snap" > threads.json
is "python: a person's rule knows" "$(jq '[.rows[].waits[] | select(.idle) | .count] | add' threads.json)" 3
exec 3>&-
stop_pid "$pid"

cat > Wait.java << 'END'
class Wait {
  public static void main(String[] a) throws Exception {
    Object o = new Object();
    new Thread(() -> { synchronized (o) { try { o.wait(); } catch (InterruptedException e) { } } }, "stuck").start();
    System.out.println("there");
    System.in.read();
  }
}
END
preloaded sh -c 'exec java -XX:TieredStopAtLevel=1 Wait.java < hold'
exec 3> hold
wait_for grep -q there "$pid.log"
not_idle "java: but the program's two threads" "condition variable read"
exec 3>&-
stop_pid "$pid"

preloaded sh -c 'exec node -e "console.log(\"there\"); process.stdin.resume()" < hold'
exec 3> hold
wait_for grep -q there "$pid.log"
ok "node: its own threads are idle, from outside" wait_for agrees busy_live ''
exec 3>&-
stop_pid "$pid"

ok "rules are listed" "$OUTLIVE" rules
like "with their reasons" "$(cat out)" '^first +idle:\^bioProcessBackgroundJobs\$ +redis.s and valkey.s threads wait for a job$'
like "those by the kind of wait, too" "$(cat out)" '^wait +idle:wait=epoll +an event loop waits for the next event$'
done_testing
