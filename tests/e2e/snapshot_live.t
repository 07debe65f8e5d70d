#!/bin/sh
# One more snapshot of a live process, on demand: busy, idle, blocked, with threads.
. "$(dirname "$0")/lib.sh"
need /usr/bin/python3

# snapshot PID NAME: asks, and looks at what is printed. The path in $snap.
snapshot() {
  "$OUTLIVE" snapshot --label "$2" "$1" > out 2> err
  is "$2: status" $? 0
  is "$2: one line" "$(wc -l < out)" 1
  snap=$(cat out)
  like "$2: an absolute path" "$snap" "^/.*/outlive\..*\.$1\.[0-9]+\.snap\$"
  ok "$2: of a snapshot" "$OUTLIVE" info --json "$snap"
  is "$2: with its label" "$(json out "d['snapshot']['label']")" "$2"
  is "$2: of the process" "$(json out "d['snapshot']['pid']")" "$1"
}
zombies() {
  # Its children that have ended and that nobody has waited for.
  for c in /proc/[0-9]*; do
    sed 's/.*) //' "$c/stat" 2> /dev/null | grep "^Z $1 "
  done
}

background "$OUTLIVE" run --out "$PWD/idle" -- sleep 1000
run=$pid
child_is_ready() { ready "$(child "$run")"; }
wait_for child_is_ready
sleeper=$(child "$run")
snapshot "$sleeper" "an idle process"
is "no zombie is left in it" "$(zombies "$sleeper")" ""
snapshot "$sleeper" "again"
ok "it still sleeps" alive "$sleeper"
"$OUTLIVE" snapshot "$sleeper" "$sleeper" > out
is "two pids, two files" "$(sort -u out | wc -l)" 2
kill -STOP "$sleeper"
status_is "a stopped process does not answer" 3 "$OUTLIVE" snapshot --timeout 300ms "$sleeper"
like "which is told" "$(cat err)" "is stopped.*kill -CONT $sleeper"
kill -CONT "$sleeper"
snapshot "$sleeper" "after it goes on"
stop_pid "$run"
like "run says what there is at the end" "$(cat "$run.log")" 'next: outlive diff .*1\.snap '

# Many askers at once: each gets a whole file.
background "$OUTLIVE" run --out "$PWD/many" --keep 0 -- sleep 1000
run=$pid
wait_for child_is_ready
sleeper=$(child "$run")
askers=
for i in 1 2 3 4 5 6 7 8; do
  "$OUTLIVE" snapshot --label "asker $i" "$sleeper" > "asker.$i" 2>&1 &
  askers="$askers $!"
done
for asker in $askers; do wait "$asker"; done
is "eight askers at once, eight files" "$(cat asker.* | grep -c '^/.*snap$')/$(cat asker.* | sort -u | wc -l)" 8/8
labels=$(for f in $(snaps many); do "$OUTLIVE" info --json "$f" > i.json && json i.json "d['snapshot']['label']"; done | sort | tr '\n' ' ')
is "each with its own label" "$labels" "asker 1 asker 2 asker 3 asker 4 asker 5 asker 6 asker 7 asker 8 "
stop_pid "$run"

# Threads that all wait, and a main thread that blocks every signal.
cat > blocked.py << 'PY'
import os, signal, threading, time
if os.environ.get("BLOCK"):
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
for i in range(8):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
if os.environ.get("BLOCK"):
    while True:
        time.sleep(0.05)
        bytearray(100000)
threading.Event().wait()
PY
background "$OUTLIVE" run --out "$PWD/threads" -- /usr/bin/python3 -S blocked.py
wait_for grep -q ready "$pid.log"
snapshot "$(child "$pid")" "eight waiting threads"
stop_pid "$pid"
background env BLOCK=1 "$OUTLIVE" run --out "$PWD/blocked" -- /usr/bin/python3 -S blocked.py
run=$pid
wait_for grep -q ready "$pid.log"
snapshot "$(child "$pid")" "signals blocked in all threads, but it allocates"
kill -9 "$(child "$run")"
stop_pid "$run" CONT
done_testing
