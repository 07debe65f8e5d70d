#!/bin/sh
# python, node and java: the threads and descriptors of a snapshot are those of /proc, and the program sees no difference.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/kinds.sh"
need jq nm python3 node javac
mkdir snaps
export OUTLIVE_OPTIONS="out=$PWD/snaps"

cat > kinds.py << 'PYTHON'
import socket, subprocess, sys, threading
e = threading.Event()
for i in range(5):
    threading.Thread(target=e.wait, daemon=True).start()
t = [threading.Thread(target=int) for i in range(50)]
[x.start() for x in t]
[x.join() for x in t]
pairs = [socket.socketpair() for i in range(10)]
files = [open("/dev/null") for i in range(10)]
for i in range(5):
    subprocess.run(["true"])
    subprocess.run("true", shell=True, close_fds=False)
out = subprocess.run(["echo", "child"], capture_output=True, text=True).stdout
p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
sys.stdout.write("ready " + out)
sys.stdout.flush()
sys.stdin.readline()
print("end")
PYTHON
# runtime NAME WORDS...: a program that says "ready", waits for a line and says "end".
runtime() {
  name=$1
  shift
  driven "$@"
  if ! wait_for grep -q '^ready' "$pid.log"; then
    result 1 "$name: is ready"
    return
  fi
  sleep 0.5
  look
}
runtime python /usr/bin/python3 kinds.py
same python 0 0
is "python: five threads wait, fifty were given back" \
  "$(counts | cut -d' ' -f2,3) $(q '[.thread_sums[].count] | add')" "6 0 50"
say go
wait_for grep -qx end "$pid.log"
wait "$pid"
is "python: output and status" "$? $(tr '\n' ' ' < "$pid.log")" "0 ready child end "

cat > kinds.js << 'JS'
const net = require('net'), fs = require('fs'), cp = require('child_process');
const s = net.createServer().listen(0, () => {
  for (let i = 0; i < 5; i++) net.connect(s.address().port);
  fs.openSync('/dev/null');
  cp.execSync('true');
  setTimeout(() => console.log('ready'), 300);
});
process.stdin.once('data', () => { console.log('end'); process.exit(3); });
JS
runtime node node kinds.js
same node 0 0
say go
wait_for grep -qx end "$pid.log"
wait "$pid"
is "node: output and status" "$? $(tr '\n' ' ' < "$pid.log")" "3 ready end "

cat > Kinds.java << 'JAVA'
import java.net.*;
public class Kinds {
  public static void main(String[] a) throws Exception {
    for (int i = 0; i < 20; i++) { Thread t = new Thread(() -> {}); t.start(); t.join(); }
    ServerSocket s = new ServerSocket(0);
    Socket[] c = new Socket[5];
    for (int i = 0; i < 5; i++) { c[i] = new Socket("127.0.0.1", s.getLocalPort()); s.accept(); }
    new ProcessBuilder("true").start().waitFor();
    System.out.println("ready");
    System.in.read();
    System.out.println("end");
    System.exit(4);
  }
}
JAVA
javac Kinds.java
runtime java java -cp . Kinds
same java 0 0
say go
wait_for grep -qx end "$pid.log"
wait "$pid"
is "java: output and status" "$? $(tr '\n' ' ' < "$pid.log")" "4 ready end "
done_testing
