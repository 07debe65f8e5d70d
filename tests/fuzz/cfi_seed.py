"""python3 cfi_seed.py ELF FILE: its unwind tables as an input of cfi_fuzz.c, at a function that has one."""
import re
import struct
import subprocess
import sys

elf, out = sys.argv[1:]
section = {}
for line in subprocess.run(["readelf", "-SW", elf], capture_output=True, text=True, check=True).stdout.splitlines():
    m = re.match(r" *\[ *\d+\] (\.\S+) +\S+ +(\w+) (\w+) (\w+)", line)
    if m:
        section[m[1]] = [int(v, 16) for v in m.groups()[1:]]
address, offset, _ = section[".eh_frame_hdr"]
_, frames, size = section[".eh_frame"]
data = open(elf, "rb").read()[offset:frames + size]
# the search table: a count at 8, then pairs relative to itself
n = struct.unpack_from("<I", data, 8)[0]
start, fde = struct.unpack_from("<ii", data, 12 + 8 * (n // 2))
with open(out, "wb") as f:
    f.write(struct.pack("<qQ", start + 4, fde) + data)
