"""snapinfo.py FILE...: checks that each file is a whole snapshot, and prints its facts: a reader of its own, by format.h.
snapinfo.py --order: the files that stdin names, sorted: by when their process began, forked ones after it, then as they came.

A line a file: reason, signal, exit status, forked, blocks of 1000 bytes left (those that tests/progs/proc_end.c makes).
"""
import signal
import struct
import sys
import zlib

REASON = {1: "exit", 2: "quick_exit", 3: "abort", 4: "signal", 5: "exec", 6: "demand", 7: "interval", 8: "api",
          9: "growth", 10: "peak"}
PID, REASON_KEY, SIGNAL, FORKED, STATUS, START, LABEL = 1, 4, 5, 11, 12, 13, 134


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def records(data):
    if data[:8] != b"OUTLIVE\n" or zlib.crc32(data[:12]) != struct.unpack_from("<I", data, 12)[0]:
        raise ValueError("header")
    at = 16
    while at < len(data):
        tag, crc, size = struct.unpack_from("<4sIQ", data, at)
        payload = data[at + 16 : at + 16 + size]
        if len(payload) != size or zlib.crc32(data[at : at + 4] + data[at + 8 : at + 16] + payload) != crc:
            raise ValueError("record " + repr(tag))
        yield tag, payload
        at += 16 + (size + 7) // 8 * 8


def info_of(payload):
    info, at = {}, 0
    while at < len(payload):
        key, at = varint(payload, at)
        value, at = varint(payload, at)
        if key >= 128:
            value, at = payload[at : at + value], at + value
        info[key] = value
    return info


def began(path):
    """When and how the process of a file began; it is in the file's first record."""
    try:
        info = info_of(next(records(open(path, "rb").read(65536)))[1])
        return info[PID], info[START], bool(info.get(FORKED))
    except (OSError, ValueError, LookupError, StopIteration):
        return path, 0, False


def ordered(paths):
    """All images of a process stand together, where its first one does."""
    of = {path: began(path) for path in paths}
    first = {}
    for pid, start, forked in of.values():
        first[pid] = min(first.get(pid, (start, forked)), (start, forked))
    return sorted(paths, key=lambda path: first[of[path][0]])


def facts(path):
    info, seen, live, done = {}, 0, 0, False
    for tag, payload in records(open(path, "rb").read()):
        at = 0
        if tag == b"info":
            info = info_of(payload)
        if tag == b"site":
            while at < len(payload):
                item = []
                for _ in range(12):
                    value, at = varint(payload, at)
                    item.append(value)
                for pair in (2, 3):
                    n, at = varint(payload, at)
                    for _ in range(n * pair):
                        _, at = varint(payload, at)
                if item[8:10] == [1000, 1000]:
                    live += item[10]
        if tag == b"done":
            done = varint(payload, 0)[0] == seen
        seen += 1
    if not done:
        raise ValueError("no end")
    line = [REASON.get(info[REASON_KEY], "?")]
    if SIGNAL in info and info[SIGNAL]:
        line.append("signal=%d" % info[SIGNAL])
    if STATUS in info:
        line.append("status=%d" % info[STATUS])
    if info.get(FORKED):
        line.append("forked")
    if live:
        line.append("live=%d" % live)
    if info.get(LABEL):
        line.append("label=" + info[LABEL].decode())
    return " ".join(line)


signal.signal(signal.SIGPIPE, signal.SIG_DFL)
if sys.argv[1:] == ["--order"]:
    print("\n".join(ordered(sys.stdin.read().splitlines())))
else:
    for name in sys.argv[1:]:
        print(facts(name))
