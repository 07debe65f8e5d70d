#!/bin/sh
# Snapshots while the program runs: by interval, under load, without a control file; and no child that it could see.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/proc.sh"
need perl python3

OPTIONS=interval=20ms,keep=0
same wait "$PROGS/proc_wait" 400
like "snapshots by interval" "$(facts wait)" '^(interval \| ){3,}exit status=0$'
OPTIONS=
is "the program saw no child of ours" "$(head -n 1 wait.got)" "children found: 0, SIGCHLD: 0"

# Many requests at once, of a process that makes them itself busy.
mkfifo input
mkdir load
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/load,keep=0 "$PROGS/sig_idle" busy < input > load.got &
pid=$!
exec 9> input
wait_for grep -q ready load.got
askers=
for i in 1 2 3 4 5 6 7 8; do
  "$OUTLIVE" snapshot "$pid" > ask.$i 2>&1 &
  askers="$askers $!"
done
for p in $askers; do wait "$p"; done
is "eight at once: each has an answer" "$(cat ask.* | xargs ls 2>&1 | wc -l)" 8
echo >&9
wait "$pid"
exec 9>&-
is "no control file stays" "$(ls /dev/shm/outlive.$pid.ctl 2> /dev/null)" ""

# A forked child makes its own control page when it allocates, or when it is asked.
mkdir child
cat > fork.py << 'PY'
import os, time, sys
pid = os.fork()
if pid == 0:
    open("child.pid", "w").write(str(os.getpid())); os.rename("child.pid", "child.is")
    time.sleep(60)
    os._exit(0)
os.waitpid(pid, 0)
PY
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/child /usr/bin/python3 fork.py &
pid=$!
pids="$pids $pid"
wait_for test -s child.is
child=$(cat child.is)
pids="$pids $child"
file=$("$OUTLIVE" snapshot "$child" 2>&1)
like "a forked child answers for itself" "$file" "outlive\..*\.$child\.1\.snap"
file=$("$OUTLIVE" snapshot "$pid" 2>&1)
like "its parent, too" "$file" "outlive\..*\.$pid\.1\.snap"
kill "$child"
wait "$pid"
is "the child was killed, the parent ended" "$(facts child | tr '|' '\n' |
  sed 's/live=.*//; s/^ *//; s/ *$//' | sort)" "demand
demand forked
exit status=0
signal signal=15 forked"

# /dev/shm may be missing or full: the signal alone then.
if unshare -m true 2> unshare.err; then
  mkdir full
  unshare -m sh -c "mount -t tmpfs -o size=4k none /dev/shm && echo > /dev/shm/a && exec env LD_PRELOAD=$LIB \
    OUTLIVE_OPTIONS=out=$dir/full $PROGS/sig_idle read" < input > full.got 2>&1 &
  pid=$!
  exec 9> input
  wait_for grep -q ready full.got
  file=$("$OUTLIVE" snapshot "$pid" 2>&1)
  like "without room in /dev/shm" "$file" "outlive\.sig_idle\.$pid\.1\.snap"
  file=$("$OUTLIVE" snapshot "$pid" 2>&1)
  like "and again" "$file" "outlive\.sig_idle\.$pid\.2\.snap"
  echo >&9
  wait "$pid"
  exec 9>&-
  is "the program does not notice" "$(sed 1d full.got)" "read: 1 , handlers ran: 0"
else
  note "no mount namespace here: $(cat unshare.err)"
fi
# Killed at any moment, its own exit included, while snapshots by interval are in flight: one last one, and it is the last.
cat > killed.py << 'PY'
import os, random, subprocess, sys, time
random.seed(7)
wrong = seen = 0
for i in range(60):
    folder = "k%d" % i
    env = dict(os.environ, LD_PRELOAD=sys.argv[1], OUTLIVE_OPTIONS="interval=1ms,keep=0,out=" + os.path.abspath(folder))
    p = subprocess.Popen(["/usr/bin/python3", "-c", "x = [str(i) for i in range(20000)]"], env=env)
    time.sleep(0.01 + random.random() * 0.04)
    p.send_signal(1)
    p.wait()
    names = os.listdir(folder) if os.path.isdir(folder) else []
    if not names:
        continue  # before our start
    names.sort(key=lambda n: int(n.split(".")[-2]))
    out = subprocess.run(["python3", sys.argv[2]] + [os.path.join(folder, n) for n in names], capture_output=True, text=True)
    last = [l.startswith(("signal", "exit")) for l in out.stdout.splitlines()]
    seen += 1
    if out.returncode or last.count(True) != 1 or not last[-1]:
        wrong += 1
        print(out.stdout, out.stderr)
print("some" if seen else "none", wrong)
PY
is "killed at any moment" "$(python3 killed.py "$LIB" "$ROOT/tests/e2e/snapinfo.py")" "some 0"
done_testing
