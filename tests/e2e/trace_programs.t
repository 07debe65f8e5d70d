#!/bin/sh
# The option trace in programs that we have not written: a JVM, Python's threads, redis; their output is the same.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/trace.sh"
need java javac python3 redis-server redis-cli

cat > Waits.java << 'JAVA'
import java.io.*;
import java.net.*;
import java.util.concurrent.*;

public class Waits {
    static void takesBytes(ServerSocket s) {
        try (Socket c = s.accept()) {
            c.getInputStream().read();
        } catch (Exception x) {
            throw new RuntimeException(x);
        }
    }
    static boolean someThreadIsIn(String... calls) throws Exception {
        for (File thread : new File("/proc/self/task").listFiles()) {
            try (BufferedReader r = new BufferedReader(new FileReader(thread + "/syscall"))) {
                String line = r.readLine();
                for (String call : calls) {
                    if (line != null && line.startsWith(call)) {
                        return true;
                    }
                }
            } catch (IOException gone) {
            }
        }
        return false;
    }
    public static void main(String[] a) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        ServerSocket s = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
        Future<?> taken = pool.submit(() -> takesBytes(s));
        Semaphore none = new Semaphore(0);
        Future<Integer> waits = pool.submit(() -> { none.acquire(); return 1; });
        while (!someThreadIsIn("43 ", "288 ")) { // accept, accept4
            Thread.sleep(1);
        }
        Socket c = new Socket(s.getInetAddress(), s.getLocalPort());
        Thread.sleep(50);
        c.getOutputStream().write(1);
        taken.get();
        none.release();
        System.out.println(waits.get());
        pool.shutdown();
        System.out.println(pool.awaitTermination(60, TimeUnit.SECONDS));
    }
}
JAVA
javac Waits.java 2> javac.err
traced 256 java java -cp . Waits
is "java: status and output" "$status $(tr '\n' ' ' < java.out)" "0 1 true "
ok "java: a viewer can read it" spans "$(snaps java java | tail -n 1)" j
# $1: FILE, $2: reason; the functions in which that was waited for
waited_in() {
  awk -F '\t' -v r="$2" '$1 == "wait" && $4 == r { print $8 }' "$1" | sort -u
}
like "java: the JVM's own, which came by dlopen" "$(waited_in j 'condition variable')" 'Monitor::wait|PlatformEvent::park|Parker::park'
like "java: its network library, which came later still" "$(waited_in j accept)" 'accept'
like "java: the first thread waits for the one that runs main" "$(waited_in j join)" CallJavaMainInNewThread

cat > waits.py << 'PYTHON'
import queue
import select
import socket
import threading
import time

jobs = queue.Queue()
done = []


def work():
    for job in iter(jobs.get, None):
        time.sleep(0.005)
        done.append(job)


def listen(end):
    poll = select.epoll()
    poll.register(end)
    poll.modify(end, select.EPOLLIN)
    assert poll.poll(60)
    done.append(end.recv(10))
    done.append(end.recv(10))


# Until the last thread is in the system call, and has been there for more than a millisecond.
def waits_in(call):
    while not open("/proc/self/task/%d/syscall" % threads[3].native_id).read().startswith(call + " "):
        time.sleep(0.001)
    time.sleep(0.05)


a, b = socket.socketpair()
threads = [threading.Thread(target=work) for _ in range(3)] + [threading.Thread(target=listen, args=(a,))]
for t in threads:
    t.start()
waits_in("232")  # epoll_wait
b.send(b"x")
waits_in("45")  # recvfrom
b.send(b"y")
for job in range(30):
    jobs.put(job)
for _ in range(3):
    jobs.put(None)
for t in threads:
    t.join()
print(len(done))
PYTHON
traced 256 python /usr/bin/python3 waits.py
is "python: status and output" "$status $(cat python.out)" "0 32"
ok "python: a viewer can read it" spans "$(snaps python python3 | tail -n 1)" p
is "python: four threads have worked, and are gone" "$(awk -F '\t' '$1 == "thread" && $6 != ""' p | wc -l)" 5
is "python: queue, sleep, socket and epoll" \
  "$(awk -F '\t' '$1 == "wait" && $7 > 1 { print $4 }' p | sort -u | grep -xE 'epoll|recv|semaphore|sleep' | tr '\n' ' ')" "epoll recv semaphore sleep "

mkdir redis
OUTLIVE_OPTIONS=trace=64,out=$dir/redis LD_PRELOAD=$LIB start_server redis-server --port PORT --save ''
is "redis: serves" "$(for i in $(seq 50); do redis-cli -p "$port" incr n; done | tail -n 1)" 50
snapshot_now
ok "redis: a viewer can read it" spans "$snap" r
is "redis: its background threads wait on, each for its own jobs" \
  "$(awk -F '\t' '$1 == "wait" && $3 == "bioProcessBackgroundJobs" && $6 == "open" { print $5 }' r | sort -u | grep -c '^condition variable')" 3
like "redis: its event loop" "$(awk -F '\t' '$1 == "wait" && $4 == "epoll" { print $8 }' r | sort -u)" '^aeApiPoll$|^redis|^aeMain$'
redis-cli -p "$port" shutdown nosave > stopped 2>&1
wait_for sh -c "! kill -0 $pid 2> /dev/null"
ok "redis: its last snapshot" test "$(snaps redis | wc -l)" -ge 2

done_testing
