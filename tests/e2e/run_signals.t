#!/bin/sh
# Signals between a person, `outlive run` and its command.
. "$(dirname "$0")/lib.sh"
need /usr/bin/python3

# Says "ready", counts the signals that reach it, ends with SIGTERM's number of them.
cat > counter.py << 'PY'
import os, signal, sys, time
n = {}
def got(s, frame):
    n[s] = n.get(s, 0) + 1
    os.write(1, b"got %d\n" % s)
for s in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(s, got)
def end(s, frame):
    os.write(1, b"int %d hup %d usr1 %d\n" % tuple(n.get(s, 0) for s in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)))
    os._exit(9)
signal.signal(signal.SIGTERM, end)
os.write(1, b"ready\n")
while True:
    time.sleep(0.05)
PY

background "$OUTLIVE" run -- /usr/bin/python3 -S counter.py
wait_for grep -q ready $pid.log
kill -USR1 $pid
wait_for grep -q 'got 10' $pid.log
kill -HUP $pid
wait_for grep -q 'got 1$' $pid.log
kill -INT $pid
wait_for grep -q 'got 2' $pid.log
stop_pid $pid
is "signals sent to outlive reach the command, once each" "$(grep '^int' $pid.log)" 'int 1 hup 1 usr1 1'
is "and its status comes back" $status 9

# On a terminal: control-C comes from the kernel to both, control-Z stops both.
cat > terminal.py << 'PY'
import os, pty, select, signal, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
def until(what):
    global seen
    end = time.time() + 60
    while what not in seen:
        if time.time() > end or not select.select([fd], [], [], 60)[0]:
            sys.exit("waited for %r, got %r" % (what, seen))
        try:
            seen += os.read(fd, 4096)
        except OSError:
            break
until(b"ready")
os.write(fd, b"\x03")
until(b"got 2")
# The session's only group is an orphan, where the kernel ignores control-Z; so the signal by hand, as a shell's kill.
os.kill(pid, signal.SIGTERM)
until(b"int")
print(seen.decode().replace("\r", ""))
print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
/usr/bin/python3 terminal.py "$OUTLIVE" run -- /usr/bin/python3 -S counter.py > out 2> err
like "control-C reaches the command once, and does not end outlive" "$(cat out err)" '^int 1 hup 0'
like "so that its status can be seen" "$(cat out err)" '^status 9'

# A shell that stops a job waits for outlive, the job's leader, to stop; and goes on with both.
background "$OUTLIVE" run -- /usr/bin/python3 -S counter.py
wait_for grep -q ready $pid.log
child=$(cat "/proc/$pid/task/$pid/children")
state_is() {
  [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat")" = "$2" ]
}
is_not_stopped() {
  ! state_is "$1" T
}
kill -STOP ${child% }
wait_for state_is ${child% } T
ok "a command stopped by somebody does not stop outlive" is_not_stopped $pid
kill -CONT $pid
ok "SIGCONT is passed on" wait_for is_not_stopped ${child% }
stop_pid $pid
is "and the command goes on to its end" $status 9

# Started with SIGCHLD ignored, there is nobody to wait for, unless outlive takes care.
perl -e '$SIG{CHLD} = "IGNORE"; exec @ARGV' "$OUTLIVE" run -- sh -c 'exit 5' 2> err
is "SIGCHLD ignored at start" $? 5
done_testing
