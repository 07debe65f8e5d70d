"""Writes snapshots that no program wrote: python3 makesnap.py hostile|escapes|escapes-later|sampled|large|levels|before|after FILE. As preload/format.h has it."""
import random
import struct
import sys
import zlib

HOSTILE = '</script><img src=x onerror="window.hacked=1"><b>bold</b>'
# What moves a terminal's cursor, sets its title, ends a line or turns it round, in UTF-8 and not.
ESCAPES = "\x1b]0;title\x07\x1b[2J\x1b[31m\u009b2J\r\n\x08\x7fFORGED line\u202e\U000e0041\u2066\u200f\u2028".encode() + b"\x9b2J\xff\xc3"
SECOND = 10**9


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def string(s):
    data = s if isinstance(s, bytes) else s.encode()
    return varint(len(data)) + data


def numbers(*n):
    return b"".join(varint(i) for i in n)


class Snapshot:
    def __init__(self):
        self.records, self.n_nodes, self.n_modules = {}, 0, 0

    def add(self, tag, data):
        self.records.setdefault(tag, []).append(data)

    def module(self, path):
        at = 0x10000000 * (self.n_modules + 1)
        self.add("modl", numbers(at, at + 0x1000000, at, at, 0, 0, 0, 0) + string(b"") + string(path))
        self.n_modules += 1
        return self.n_modules

    def node(self, parent, module, address):
        self.add("node", numbers(parent, module, address, 0))
        self.n_nodes += 1
        return self.n_nodes

    def site(self, node, allocs, size, frees, kind=0):
        live = allocs - frees
        self.add("site", numbers(node, kind, 0, allocs, allocs * size, frees, frees * size, 0, size, size, live, live * size, 0, 0))

    def waits(self, name, node, module, n_kinds=24):
        """A thread that sleeps in a call, one of the kernel's function, and a trace of each kind of wait, one of them open."""
        self.add("Thrd", numbers(66, 1) + string(name))
        for tid, call in ((66, 1), (68, 0)):
            self.add("Wait", numbers(tid, 5, call, 3, 0x5000, 64, 0, 0, 0, 0, 0) + string(b"" if call else name))
            self.add("Wstk", numbers(tid, 5, tid % 4 // 2, 3 * SECOND, 2, module, 0x20, 0, 0, 0x7000, 1))
        for serial, tid in ((2, 68), (3, 69)):
            self.add("Trac", numbers(tid, serial, 0, node, 1, module, 0x20, SECOND, (serial % 2) * 4 * SECOND, 7, 40, 50, 60) + string(name))
        for kind in range(n_kinds):
            self.add("Span", numbers(1 + kind % 2, kind + 128 * (kind % 5 == 4), 3, 66, SECOND + kind * 1000, 900 + kind, node))
        self.add("Span", numbers(1, 9, 3, 1, 3 * SECOND, 0, node))
        self.add("Tsum", numbers(node, module, 0x20, 5, 3, 2, 4, 5))
        self.add("Fsum", numbers(node, 1, 9, 5))
        self.add("Tmsm", numbers(node, 1, 9, 5))
        self.add("Tfig", numbers(SECOND, 0) + string(name) + numbers(9, 4, 256, 4096))

    def info(self, pid, sequence, command, uptime, label=""):
        for key, n in ((1, pid), (3, sequence), (4, 6), (6, 1700000000 * SECOND + uptime), (7, uptime), (13, 1700000000 * SECOND)):
            self.add("info", numbers(key, n))
        for key, s in ((128, command), (134, label), (136, "boot")):
            self.add("info", varint(key) + string(s))

    def write(self, path):
        out = b"OUTLIVE\n" + struct.pack("<HH", 1, 0)
        out += struct.pack("<I", zlib.crc32(out))
        n = 0
        for tag in ("info", "modl", "node", "Thrd", "site", "Samp", "Rsit", "Task", "Stuk", "Wait", "Wstk", "Trac", "Span", "Tsum", "Fdsc", "Fsum", "Fbad", "Timr",
                    "Tmsm", "Test", "Tfig", "audt"):
            items = self.records.get(tag, [])
            for first in range(0, len(items), 100000):
                out += record(tag, b"".join(items[first:first + 100000]))
                n += 1
        out += record("done", varint(n))
        with open(path, "wb") as f:
            f.write(out)


def record(tag, payload):
    head = tag.encode() + struct.pack("<Q", len(payload))
    crc = zlib.crc32(head + payload)
    return tag.encode() + struct.pack("<I", crc) + struct.pack("<Q", len(payload)) + payload + b"\0" * (-len(payload) % 8)


def hostile():
    s = Snapshot()
    s.info(66, 1, HOSTILE, 5 * SECOND, HOSTILE)
    evil = s.module("/lib/" + HOSTILE.replace("/", "\\"))
    bidi = s.module("/lib/lib\u202eos.evil\x1b[2J\x01.so")
    broken = s.module(b"/lib/lib\xff\xfe\xc3(.so")
    quote = s.module('/lib/"];window.hacked=2;//\\u003c\u2028.so')
    outer = s.node(0, evil, 0x10)
    for i, module in enumerate((evil, bidi, broken, quote)):
        s.site(s.node(outer, module, 0x20), 10 + i, 64, 0)
    s.add("Task", numbers(1, 66, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0) + string(HOSTILE))
    s.add("Task", numbers(2, 67, 2, 0, outer, 1, evil, 0x20, SECOND, 2 * SECOND, 1, 8 << 20, 0) + string(b"\xff\xfe\x1b]0;title\x07"))
    s.add("Task", numbers(3, 68, 1, 0, outer, 1, evil, 0x20, SECOND, 0, 1, 8 << 20, 0) + string("stuck"))
    s.add("Stuk", numbers(68, 1, 0x5000, outer, 0, 8, 64, outer))
    s.add("Fdsc", numbers(3, 1, 0, outer, 1, SECOND) + string("/tmp/" + HOSTILE))
    s.add("Fbad", numbers(1, 9, outer, outer, 2, SECOND))
    s.add("Timr", numbers(1, 1, 1, outer, 1, SECOND, SECOND, SECOND, 0, 0, 0, 0))
    s.waits(HOSTILE, outer, evil)
    for key, n in ((2, 7), (13, 46), (14, 2944), (20, 90000000), (29, 40), (31, 20)):
        s.add("audt", numbers(key, n))
    return s


def escapes(sequence=1, factor=1):
    """Every text of every record is one for terminals."""
    s = Snapshot()
    s.info(66, sequence, ESCAPES, 5 * sequence * SECOND, ESCAPES)
    # 137, and losses, leave the verdict open: what is seen then is not put into a baseline
    for key in (129, 130, 131, 132, 133, 135, 138, 139) + ((137,) if sequence == 1 else ()):
        s.add("info", varint(key) + string(ESCAPES + (b"\0" + ESCAPES) * (key == 130)))
    for key, n in ((12, 1), (15, 1)):
        s.add("info", numbers(key, n))
    evil, library = s.module(b"/bin/" + ESCAPES), s.module(b"/lib/" + ESCAPES + b".so.1")
    outer = s.node(0, evil, 0x10)
    for i, module in enumerate((evil, library)):
        s.site(s.node(outer, module, 0x20), factor * (10 + i), 64, 0)
        s.add("Rsit", numbers(i + 1, outer, 1, 1, factor * (10 + i), factor * (10 + i) * 64))
    s.add("Task", numbers(1, 66, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0) + string(ESCAPES))
    for serial in range(2, 2 + 3 * factor):
        s.add("Task", numbers(serial, 66 + serial, serial % 2 + 1, 0, outer, 1, evil, 0x20, SECOND, (serial % 2) * 2 * SECOND, 1, 8 << 20, 0) + string(ESCAPES))
    s.add("Stuk", numbers(68, 1, 0x5000, outer, 0, 8, 64, outer))
    for fd in range(3, 3 + 4 * factor):
        s.add("Fdsc", numbers(fd, 1, 0, outer, 1, SECOND) + string(b"/tmp/" + ESCAPES))
        s.add("Timr", numbers(1, fd, 1, outer, 1, SECOND, SECOND, SECOND, 0, 0, 0, 0))
    s.add("Fbad", numbers(1, 9, outer, outer, 2, SECOND))
    s.add("Test", numbers(SECOND, 0) + string(ESCAPES) + numbers(1, outer, 4, 256, 1, 3))
    s.waits(ESCAPES, outer, evil)
    for key, n in (((2, 7),) if sequence == 1 else ()) + ((13, 46), (14, 2944), (20, 90000000), (29, 40), (31, 20), (48, 21)):
        s.add("audt", numbers(key, n))
    return s


def sampled():
    """Figures that are estimates."""
    s = escapes()
    s.add("info", numbers(10, 512 << 10))
    for i in (1, 2):
        s.add("Samp", numbers(i, 10 + i, 0, 256 * 7, 65536, 0, 0))
    return s


def large(stacks=100000):
    """Stacks that branch at all depths, in 30 modules."""
    s, r = Snapshot(), random.Random(5)
    s.info(77, 1, "large", 60 * SECOND)
    modules = [s.module("/usr/lib/libpart%d.so" % i) for i in range(30)]
    ends = [s.node(0, modules[0], 0x1000)]
    depth = {ends[0]: 1}
    while s.n_nodes < stacks + 1:
        parent = ends[r.randrange(max(0, len(ends) - 4000), len(ends))]
        if depth[parent] > 60:
            parent = ends[r.randrange(len(ends) // 50 + 1)]
        node = s.node(parent, r.choice(modules), r.randrange(1, 400) * 16)
        depth[node] = depth[parent] + 1
        ends.append(node)
        allocs = int(r.paretovariate(0.7)) + 1
        s.site(node, allocs, r.choice((16, 24, 48, 64, 100, 256, 4096)), r.randrange(allocs))
    return s


def pair(later):
    """One stack grows, one shrinks, one stays, one is new, one is gone."""
    s = Snapshot()
    s.info(88, 2 if later else 1, "pair", (20 if later else 10) * SECOND)
    exe = s.module("/bin/pair")
    main = s.node(0, exe, 0x100)
    for address, before, after in ((0x200, 100, 400), (0x300, 300, 100), (0x400, 50, 50), (0x500, 0, 80), (0x600, 60, 0)):
        total = 400 if later else max(before, 300)
        s.site(s.node(main, exe, address), total, 1000, total - (after if later else before))
    s.add("Task", numbers(1, 88, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0) + string("pair"))
    s.add("Task", numbers(2 + later, 89 + later, 1, 0, main, 1, exe, 0x200, SECOND * (11 if later else 2), 0, 1, 8 << 20, 0) + string("worker"))
    s.add("audt", numbers(17, (9 if later else 5) << 20))
    return s


def levels(stacks=300000):
    """Every item as small as can be, every stack another: a tree whose lower half are the parents of the rest."""
    s = Snapshot()
    s.info(66, 1, "levels", 5 * SECOND)
    exe = s.module("/x")
    for i in range(1, stacks + 1):
        s.add("site", numbers(s.node(i // 2, exe, i & 1), 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    return s


if __name__ == "__main__":
    what, path = sys.argv[1:]
    {"hostile": hostile, "escapes": escapes, "escapes-later": lambda: escapes(2, 3), "sampled": sampled, "large": large, "levels": levels, "before": lambda: pair(False), "after": lambda: pair(True)}[what]().write(path)
