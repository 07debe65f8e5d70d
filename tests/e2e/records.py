"""records.py FILE: threads, timers, descriptors and the audit of a snapshot as JSON: a reader of its own, by format.h.

A stack is the names of the functions of the main program, innermost first, as nm knows them.
"""
import bisect
import json
import struct
import subprocess
import sys
import zlib

FD_FLAG = {1: "cloexec", 2: "inherited", 4: "unseen", 8: "own", 16: "dup", 32: "stream", 64: "deleted", 128: "libc"}
FD_KIND = ("unknown file socket pipe epoll eventfd timerfd signalfd inotify memfd pidfd directory device other").split()
TASK_FLAG = {1: "main", 2: "detached", 4: "adopted", 8: "unseen", 16: "notify"}
TIMER_FLAG = {1: "armed", 2: "fired"}
AUDIT = {24: "threads_now", 29: "fds_now", 30: "fds_unseen", 31: "fds_vanished", 32: "threads_unseen",
         33: "threads_vanished", 34: "lost_threads", 35: "lost_fds", 36: "lost_timers", 1: "lost_reentrant",
         2: "lost_no_memory", 4: "lost_no_stack"}
U, S = "u", "s"
ITEMS = {
    b"Task": "serial tid state flags node creator module address born ended cpu_ns stack_bytes thread name:s",
    b"Tsum": "node module address count joined detached cpu_ns life_ns",
    b"Fdsc": "fd kind flags node task born names:s",
    b"Fsum": "node kind opened closed",
    b"Fbad": "what fd node before count last",
    b"Timr": "kind id flags node task born interval_ns remaining_ns expirations fd notify signal",
    b"Tmsm": "node kind created deleted",
    b"modl": "start end bias text_start text_offset flags loaded unloaded build_id:s path:s",
    b"node": "parent module address flags",
    b"audt": "key value",
}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def varint(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def string(self):
        n = self.varint()
        self.at += n
        return self.data[self.at - n : self.at].decode(errors="replace")

    def items(self, fields):
        while self.at < len(self.data):
            yield {f.split(":")[0]: self.string() if f.endswith(":s") else self.varint() for f in fields.split()}


def records(data):
    if data[:8] != b"OUTLIVE\n" or zlib.crc32(data[:12]) != struct.unpack_from("<I", data, 12)[0]:
        raise ValueError("header")
    at = 16
    while at < len(data):
        tag, crc, size = struct.unpack_from("<4sIQ", data, at)
        payload = data[at + 16 : at + 16 + size]
        if len(payload) != size or zlib.crc32(tag + struct.pack("<Q", size) + payload) != crc:
            raise ValueError("record " + repr(tag))
        yield tag, payload
        at += 16 + (size + 7) // 8 * 8


class Symbols:
    """Functions of the main program."""

    def __init__(self, path):
        lines = subprocess.run(["nm", path], capture_output=True, text=True).stdout.splitlines()
        found = sorted((int(f[0], 16), f[2]) for f in (line.split() for line in lines) if len(f) == 3 and f[1] in "tTwW")
        self.at, self.name = [f[0] for f in found], [f[1] for f in found]

    def of(self, address):
        i = bisect.bisect_right(self.at, address) - 1
        return self.name[i] if i >= 0 else None


def names(flags, table):
    return [name for bit, name in table.items() if flags & bit]


def read(path, named=True):
    """All of it; without the names of functions, which take long in a large program, when they are not wanted."""
    rows = {tag: [] for tag in ITEMS}
    for tag, payload in records(open(path, "rb").read()):
        if tag in ITEMS:
            rows[tag] += Reader(payload).items(ITEMS[tag])
    modules, nodes = rows[b"modl"], rows[b"node"]
    main = next((i + 1 for i, m in enumerate(modules) if m["flags"] & 1), 0)
    symbols = Symbols(modules[main - 1]["path"]) if main and named else None

    def stack(node):
        out = []
        while node:
            n = nodes[node - 1]
            if n["module"] == main and symbols:
                out.append(symbols.of(n["address"] - (0 if n["flags"] & 1 else 1)))
            node = n["parent"]
        return out

    out = {"audit": {AUDIT[r["key"]]: r["value"] for r in rows[b"audt"] if r["key"] in AUDIT}}
    kinds = ("threads", b"Task"), ("thread_sums", b"Tsum"), ("fds", b"Fdsc"), ("fd_sums", b"Fsum"), ("bad", b"Fbad")
    for name, tag in kinds + (("timers", b"Timr"), ("timer_sums", b"Tmsm")):
        out[name] = rows[tag]
        for r in rows[tag]:
            r["stack"] = stack(r.pop("node"))
            if tag == b"Fbad":
                r["before"] = stack(r["before"])
            if "address" in r:
                r["start"] = symbols.of(r["address"]) if r["module"] == main and symbols else None
            if tag in (b"Fdsc", b"Fsum"):
                r["kind"] = FD_KIND[r["kind"]]
            if tag == b"Fdsc":
                r["flags"] = names(r["flags"], FD_FLAG)
            if tag == b"Task":
                r["flags"] = names(r["flags"], TASK_FLAG)
                r["state"] = {1: "running", 2: "ended"}[r["state"]]
            if tag == b"Timr":
                r["flags"] = names(r["flags"], TIMER_FLAG)
                r["kind"] = {1: "posix", 2: "timerfd", 3: "itimer"}[r["kind"]]
    return out


if __name__ == "__main__":
    json.dump(read(sys.argv[1]), sys.stdout)
