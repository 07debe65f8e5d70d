"""tables.py: the threads, descriptors and timers of snapshots, held against the kernel's own lists.

tables.py agree ANALYZER PID [WORD...]    a snapshot of a process that stands still, against /proc/PID, by number and kind
tables.py held SNAPSHOT PID [WORD...]     a snapshot that is there already, against /proc/PID as it is now
tables.py audit WORDS SNAPSHOT...         what snapshots say themselves that they missed; WORDS are joined by commas

Prints what is not as it should be, and nothing else. A WORD is a name of the audit (fds_unseen ...) that may be other than 0,
"bad", for a program that does close what is closed, or "may_end", for one whose end is no fault.
"""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True
import records  # noqa: E402

NONE_OF = ("fds_unseen", "fds_vanished", "threads_unseen", "threads_vanished", "lost_threads", "lost_fds", "lost_timers",
           "lost_reentrant", "lost_no_memory")
KIND_OF_LINK = {"socket": "socket", "pipe": "pipe", "anon_inode:[eventpoll]": "epoll", "anon_inode:[eventfd]": "eventfd",
                "anon_inode:[timerfd]": "timerfd", "anon_inode:[signalfd]": "signalfd", "anon_inode:inotify": "inotify",
                "anon_inode:[pidfd]": "pidfd"}
TRIES = 100


def fds(pid):
    """{number: what it is a link to}"""
    found = {}
    for name in os.listdir("/proc/%d/fd" % pid):
        try:
            found[int(name)] = os.readlink("/proc/%d/fd/%s" % (pid, name))
        except FileNotFoundError:
            pass
    return found


def kernel(pid):
    with open("/proc/%d/timers" % pid) as file:
        timers = [int(line.split()[1]) for line in file if line.startswith("ID:")]
    return {"fds": fds(pid), "threads": {int(t) for t in os.listdir("/proc/%d/task" % pid)}, "timers": set(timers)}


def table(snapshot):
    rows = records.read(snapshot, named=False)
    return rows, {
        "fds": {r["fd"]: (r["kind"], r["names"]) for r in rows["fds"]},
        "threads": {r["tid"] for r in rows["threads"] if r["state"] == "running"},
        "timers": {r["id"] for r in rows["timers"] if r["kind"] == "posix"},
    }


def audit(rows, may):
    for key in NONE_OF:
        if rows["audit"].get(key) and key not in may:
            yield "%s is %d" % (key, rows["audit"][key])
    if "bad" not in may:
        for bad in rows["bad"]:
            yield "a bad close of %d, %d times" % (bad["fd"], bad["count"])


def compare(seen, there):
    for what in ("fds", "threads", "timers"):
        numbers = set(seen[what]), set(there[what])
        for n in sorted(numbers[1] - numbers[0]):
            yield "%s: %d is in /proc and not in the table%s" % (what, n, ": " + there[what][n] if what == "fds" else "")
        for n in sorted(numbers[0] - numbers[1]):
            yield "%s: %d is in the table and not in /proc" % (what, n)
    for n, link in sorted(there["fds"].items()):
        kind, names = seen["fds"].get(n, (None, None))
        want = KIND_OF_LINK.get(link if link.startswith("anon_inode") else link.split(":[")[0])
        if kind and want and kind != want:
            yield "fds: %d is a %s in the table and %s in /proc" % (n, kind, link)
        if kind in ("file", "directory", "device") and link.startswith("/") and names not in (link, link.removesuffix(" (deleted)")):
            yield "fds: %d is %s in the table and %s in /proc" % (n, names, link)


def agree(analyzer, pid, may):
    """A snapshot that was taken while nothing moved: the lists before it are those after it."""
    if "may_end" in may and not os.path.exists("/proc/%d" % pid):
        return []
    for _ in range(TRIES):
        before = kernel(pid)
        taken = subprocess.run([analyzer, "snapshot", "--timeout", "100s", str(pid)], capture_output=True, text=True)
        if taken.returncode:
            if "may_end" in may and not os.path.exists("/proc/%d" % pid):
                return []
            return ["no snapshot of %d: %s" % (pid, taken.stderr.strip())]
        if kernel(pid) == before:
            rows, seen = table(taken.stdout.splitlines()[-1])
            return list(audit(rows, may)) + list(compare(seen, before))
        time.sleep(0.2)
    return ["%d does not stand still" % pid]


def held(snapshot, pid, may):
    rows, seen = table(snapshot)
    return list(audit(rows, may)) + list(compare(seen, kernel(pid)))


def audits(may, snapshots):
    for path in snapshots:
        for line in audit(records.read(path, named=False), may):
            yield "%s: %s" % (os.path.basename(path), line)


def main(args):
    if args[0] == "agree":
        found = agree(args[1], int(args[2]), args[3:])
    elif args[0] == "held":
        found = held(args[1], int(args[2]), args[3:])
    else:
        found = audits(args[1].split(","), args[2:])
    for line in found:
        print(line)


main(sys.argv[1:])
