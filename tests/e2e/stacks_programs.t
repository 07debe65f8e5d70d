#!/bin/sh
# `stacks` of programs that others wrote, and that nobody prepared: their waits, and function for function what gdb shows.
. "${0%/*}/lib.sh"
need python3 gdb redis-server nginx go java perl

# take NAME PID KINDS: until its threads wait for these, which takes a moment; the document in stacks.json
take() {
  wanted=$3 looked_at=$2
  wait_for settled "$2" || true
  like "$1: waits" "$(kinds)" "^($wanted)\$"
}
settled() {
  "$OUTLIVE" stacks --json "$1" > stacks.json && kinds | grep -qxE "$wanted"
}
# A Python expression over the document.
rows() {
  json stacks.json "$1"
}
kinds() {
  rows '" ".join(sorted(t["waits_on"]["kind"] for r in d["rows"] for t in r["threads"]))'
}
# On a busy machine a thread may not stop in time, or have mapped its code since the look began: then it is looked at again.
all_whole() {
  [ "$(rows '[r for r in d["rows"] if not r["complete"]]')" = "[]" ] && return
  settled "$looked_at"
  return 1
}
whole() {
  wait_for all_whole || true
  is "$1: every stack is whole" "$(rows '[r["stack"] for r in d["rows"] if not r["complete"]]')" "[]"
}

# ---- redis: an event loop, three threads for background work, jemalloc's ----
background redis-server --port 0 --unixsocket "$dir/redis.sock" --save ''
redis=$pid
wait_for [ -S redis.sock ]
wait_for sh -c '[ "$(ls /proc/'"$redis"'/task | wc -l)" = 5 ]'
cv='condition variable'
take redis "$redis" "$cv $cv $cv $cv epoll"
whole redis
is "redis: bio threads wait for work, the loop for its descriptors" \
  "$(rows 'sorted((r["count"], t["waits_on"]["kind"]) for r in d["rows"] for t in r["threads"][:1]
    if any(f["function"] in ("bioProcessBackgroundJobs", "aeMain") for f in r["stack"]))')" "[(1, 'epoll'), (3, 'condition variable')]"
is "redis: by name" "$(rows 'sorted(t["name"] for r in d["rows"] for t in r["threads"] if t["name"].startswith("bio"))')" \
  "['bio_aof_fsync', 'bio_close_file', 'bio_lazy_free']"
# Without what the compiler has made of one function, which gdb shows in its own way.
gdb -p "$redis" -batch -ex 'thread apply all bt' 2> /dev/null |
  sed -nE 's/^#[0-9]+ +(0x[0-9a-f]+ in )?([A-Za-z_]+) ?\(.*/\2/p' | grep -E '^(bio|ae|main|start_thread)' | sort > gdb.names
rows '"\n".join(f["function"] for r in d["rows"] for t in r["threads"] for f in r["stack"] if f["function"])' |
  grep -E '^(bio|ae|main|start_thread)' | sort > our.names
is "redis: the functions that gdb finds" "$(cat our.names)" "$(cat gdb.names)"
status_is "redis: no deadlock" 0 "$OUTLIVE" stacks --check "$redis"
stop_pid "$redis"

# ---- nginx: the worker in epoll, the master waiting for a signal ----
mkdir nginx
cat > nginx/conf << 'END'
daemon off; worker_processes 1; error_log error.log; pid pid;
events { worker_connections 16; }
http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  server { listen unix:sock; } }
END
PATH=$PATH:/usr/sbin background nginx -p "$dir/nginx/" -c conf
nginx=$pid
wait_for pgrep -P "$nginx"
worker=$(pgrep -P "$nginx")
take "nginx's worker" "$worker" epoll
whole "nginx's worker"
is "nginx's worker: idle in its loop" "$(rows '"ngx_process_events_and_timers" in [f["function"] for f in d["rows"][0]["stack"]]')" True
take "nginx's master" "$nginx" signal
stop_pid "$nginx"

# ---- python: threads that wait for a queue ----
cat > wait.py << 'END'
import queue, sys, threading
q = queue.SimpleQueue()
for i in range(3): threading.Thread(target=q.get, daemon=True).start()
lock = threading.Lock(); lock.acquire()
threading.Thread(target=lock.acquire, daemon=True).start()
print("there", flush=True)
sys.stdin.readline()
END
mkfifo hold
background sh -c 'exec /usr/bin/python3 wait.py < hold'
python=$pid
exec 3> hold
wait_for grep -q there "$python.log"
# Python's locks are semaphores.
take python "$python" "read semaphore semaphore semaphore semaphore"
whole python
is "python: what stdin is" "$(rows '[t["waits_on"]["names"] for r in d["rows"] for t in r["threads"] if t["waits_on"]["kind"] == "read"]')" \
  "['$dir/hold']"
echo >&3
wait "$python"
is "python: went on" $? 0

# ---- what descriptors are ----
cat > sockets.py << 'END'
import os, select, socket, sys, threading
l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(); l.setblocking(True)
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); u.bind(("::1", 0))
x = socket.socket(socket.AF_UNIX); x.bind("listener"); x.listen()
c = socket.create_connection(l.getsockname()); a, _ = l.accept()
r, w = os.pipe()
p = select.poll(); p.register(l, select.POLLIN); p.register(r, select.POLLIN)
for f in (l.accept, x.accept, lambda: u.recv(1), lambda: c.recv(1), lambda: select.select([a, r], [], []), p.poll, lambda: os.read(r, 1)):
    threading.Thread(target=f, daemon=True).start()
open("/proc/self/comm", "w").write("\x1b[31mred\n")
print(l.getsockname()[1], c.getsockname()[1], u.getsockname()[1], flush=True)
threading.Event().wait()
END
background /usr/bin/python3 sockets.py
wait_for [ -s "$pid.log" ]
read -r listens connects datagrams < "$pid.log"
take sockets "$pid" "accept accept poll read recv recv select semaphore"
is "sockets: by their addresses" "$(rows '"\n".join(sorted(re.sub("\\d{5,}(?=\\])", "N", re.sub("fd \\d+", "fd", t["waits_on"]["kind"] + " " + t["waits_on"]["words"]))
  for re in [__import__("re")] for r in d["rows"] for t in r["threads"] if t["waits_on"]["kind"] != "semaphore"))')" \
  "accept fd (tcp 127.0.0.1:$listens, listening)
accept fd (unix socket listener, listening)
poll fd (tcp 127.0.0.1:$listens, listening), fd (pipe:[N])
read fd (pipe:[N])
recv fd (tcp 127.0.0.1:$connects from 127.0.0.1:$listens)
recv fd (udp6 [::1]:$datagrams)
select fd (tcp 127.0.0.1:$listens from 127.0.0.1:$connects), fd (pipe:[N])"
for form in --wide --json --debug=1 --debug=2; do
  is "a thread's name is no command to the terminal: $form" "$("$OUTLIVE" stacks $form "$pid" | grep -c "$(printf '\033')")" 0
done
stop_pid "$pid" KILL

# ---- one that runs all the time, in code that was written by hand, too ----
cat > busy.py << 'END'
import hashlib, json, re, zlib
print("there", flush=True)
while True:
    s = json.dumps([{"a": i} for i in range(100)])
    json.loads(s), re.sub("a+", "b", s), zlib.compress(s.encode()), hashlib.sha256(s.encode() * 50).hexdigest()
END
background /usr/bin/python3 busy.py
wait_for grep -q there "$pid.log"
cut=0 look=0 late=0
while [ $look -lt 20 ]; do
  look=$((look + 1))
  "$OUTLIVE" stacks --json --no-names "$pid" > stacks.json
  case $(rows '[t["why"] for r in d["rows"] for t in r["threads"] if not r["complete"]]') in
    "[]") ;;
    "['it did not stop when it was asked to']") late=$((late + 1)) look=$((look - (late < 20))) ;;
    *) cut="$cut $look" ;;
  esac
done
is "one that runs: each of 20 looks has a whole stack" "$cut" 0
stop_pid "$pid" KILL

# ---- C++ ----
background sh -c 'exec "$1" < hold' sh "$PROGS/stacks_cxx"
cxx=$pid
exec 3> hold
wait_for grep -q there "$cxx.log"
take "C++" "$cxx" "$cv $cv futex join mutex mutex read running"
whole "C++"
is "C++: the ring of mutexes, both by function" \
  "$(rows '[[any(f["function"] == "lock_both" for f in t["stack"]) for t in x["threads"]] for x in d["deadlocks"]]')" "[[True, True]]"
is "C++: the one that runs" "$(rows '[r["stack"][0]["function"] for r in d["rows"] if r["state"] == "running"]')" "['spin']"
is "C++: only that one was stopped" "$(rows 'd["audit"]["stopped"]')" 1
status_is "C++: --no-stop stops none" 0 "$OUTLIVE" stacks --json --no-stop "$cxx"
is "and says what is missing" "$(json out '[r["threads"][0]["why"] for r in d["rows"] if r["state"] == "running"]')" \
  "['it runs, and was not to be stopped']"
status_soon "C++: --check" 1 "$OUTLIVE" stacks --check "$cxx"
stop_pid "$cxx"

# ---- a program that was replaced while it runs, as an upgrade does ----
cp "$PROGS/stacks_cxx" replaced
background sh -c 'exec ./replaced < hold'
old=$pid
exec 3> hold
wait_for grep -q there "$old.log"
rm replaced
take "replaced" "$old" "$cv $cv futex join mutex mutex read running"
whole "replaced"
is "replaced: still by name" "$(rows 'sum(f["function"] == "lock_both" for r in d["rows"] for t in r["threads"] for f in r["stack"])')" 2
stop_pid "$old"

# ---- odd ones: the first thread has ended, a recursion without end, a vfork, a signal handler, code made at run time ----
background "$PROGS/stacks_odd"
odd=$pid
take "odd" "$odd" "ended signal signal signal waitpid"
made_is_seen() { settled "$odd" && [ "$(rows 'len([r for r in d["rows"] if r["complete"]])')" -ge 3 ]; }
wait_for made_is_seen || true
is "odd: who ends where" "$(rows 'sorted((r["stack"][-1]["function"] if r["stack"] else None, r["complete"]) for r in d["rows"] if r["state"] != "ended")')" \
  "[('__clone3', True), ('__clone3', True), ('__clone3', True), ('deep', False)]"
is "odd: through the handler and through code without rules" \
  "$(rows 'sorted(f["function"] for r in d["rows"] for f in r["stack"] if (f["function"] or "").startswith("odd_"))')" \
  "['odd_handled', 'odd_handler', 'odd_made', 'odd_vfork']"
kill -STOP "$odd"
like "odd: that it is stopped is said" "$("$OUTLIVE" stacks "$odd" | head -n 4)" '^stopped by a signal'
is "and it stays stopped" "$(awk '/^State/ && $2 == "T"' /proc/"$odd"/task/*/status | wc -l)" 3
kill -CONT "$odd"
for p in $(cat /proc/"$odd"/task/*/children); do kill -9 "$p"; done
stop_pid "$odd" KILL

# ---- in namespaces of its own, under another root ----
if [ "$(id -u)" = 0 ] && command -v unshare > /dev/null && mkdir -p tree/dev tree/prog && touch tree/dev/null &&
  ldd "$PROGS/stacks_dead" | grep -oE '/[^ ]+' | while read -r f; do mkdir -p "tree${f%/*}" && cp -L "$f" "tree$f"; done &&
  cp "$PROGS/stacks_dead" tree/prog/ && unshare -mpf true 2> unshare.err; then
  background sh -c 'exec unshare -mpf --kill-child chroot tree /prog/stacks_dead < hold'
  apart=$pid
  exec 3> hold
  wait_for grep -q there "$apart.log"
  wait_for pgrep -P "$apart"
  inner=$(pgrep -P "$apart")
  wait_for sh -c '[ "$("$0" stacks "$1" | grep -c "^Deadlock")" = 6 ]' "$OUTLIVE" "$inner" || true
  "$OUTLIVE" stacks --json "$inner" > stacks.json
  looked_at=$inner
  whole "in a container"
  is "in a container: rings, by numbers that are others inside" "$(rows 'len(d["deadlocks"])')" 6
  is "in a container: names" "$(rows 'sum(f["function"] == "take" for r in d["rows"] for t in r["threads"] for f in r["stack"])')" 10
  stop_pid "$inner" KILL
fi

# ---- what has threads of its own is told ----
cat > wait.go << 'END'
package main
import "time"
func main() { c := make(chan int); go func() { <-c }(); time.Sleep(time.Hour) }
END
HOME=$dir go build -o waitgo wait.go
background ./waitgo
wait_for sh -c '[ "$(ls /proc/'"$pid"'/task | wc -l)" -ge 3 ]'
take Go "$pid" ".*futex.*"
like "Go: goroutines are told" "$(rows 'd["runtime"]')" 'goroutines that wait are on no thread'
is "Go: by name" "$(rows 'any(f["function"] == "runtime.mstart" or (f["function"] or "").startswith("runtime.futex")
  for r in d["rows"] for f in r["stack"])')" True
parked() { "$OUTLIVE" stacks "$pid" | grep -q "idle: Go's threads wait for a goroutine to run"; }
ok "Go: threads that have no goroutine to run are idle" wait_for parked
stop_pid "$pid" KILL
cat > Wait.java << 'END'
class Wait { public static void main(String[] a) throws Exception { System.out.println("there"); Thread.sleep(1000000); } }
END
background java -XX:TieredStopAtLevel=1 Wait.java
wait_for grep -q there "$pid.log"
take Java "$pid" ".*$cv.*"
like "Java: is told" "$(rows 'd["runtime"]')" 'jstack'
is "Java: its own threads, by name" "$(rows 'any(t["name"] == "VM Thread" and t["waits_on"]["kind"] == "condition variable"
  for r in d["rows"] for t in r["threads"])')" True
# Its first thread says "there" before it sleeps; what runs is in code of the moment.
through_java() { "$OUTLIVE" stacks "$pid" 2>&1 | grep -q 'JavaCalls::call_helper'; }
ok "Java: Java frames are gone through" wait_for through_java
stop_pid "$pid" KILL
done_testing
