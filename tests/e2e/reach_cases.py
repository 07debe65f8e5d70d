"""reach_cases.py BUILD PROGRAM [MEMCHECK]: runs each case of tests/progs/reach_case or reach_cxx profiled with
reach=exit, and prints TAP: is each block where the program's own list says it is? With MEMCHECK the same cases run under
valgrind, whose counts must be those of the list, too. Further arguments: libraries to preload behind liboutlive.so."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

build, program = sys.argv[1], sys.argv[2]
memcheck = len(sys.argv) > 3 and sys.argv[3] == "memcheck"
preload = sys.argv[3:] if not memcheck else []
path = os.path.join(build, "tests/progs", program)
classes = ("lost", "indirect", "possible", "reachable")
failed = 0


def made_by_program(modules):
    """Not by libc or the loader on its behalf: the first module that is no allocator and no C++ library."""
    modules = [m for m in modules if m and not re.search("vgpreload|libstdc|malloc", m)]
    return bool(modules) and modules[0].endswith("/" + program)


def profiled(name, folder):
    """Blocks by class that the program itself has allocated."""
    libs = ":".join([os.path.join(build, "liboutlive.so"), *preload])
    run = subprocess.run([path, name], env={**os.environ, "LD_PRELOAD": libs, "OUTLIVE_OPTIONS": f"reach=exit,out={folder}"},
                         capture_output=True, text=True, timeout=60)
    files = glob.glob(folder + "/*.snap")
    if len(files) != 1:
        return None, f"status {run.returncode}, {len(files)} snapshots {run.stderr}"
    top = json.loads(subprocess.run([os.path.join(build, "outlive"), "top", "--json", "-n", "0", files[0]],
                                    capture_output=True, text=True, check=True).stdout)
    if top["reach"] is None or top["reach"]["state"] != "done":
        return None, f"status {run.returncode}, no verdict: {top['reach']}"
    sums = [0] * 4
    for row in top["rows"]:
        if row["reach"] and made_by_program([f["module"] for f in row["stack"]]):
            sums = [a + row["reach"][c]["objects"] for a, c in zip(sums, classes)]
    return sums, ""


def valgrind(name, folder):
    """Blocks that are lost, indirectly, possibly lost, as above."""
    log = folder + "/memcheck.xml"
    run = subprocess.run(["valgrind", "--leak-check=full", "--show-leak-kinds=all", "--xml=yes", "--xml-file=" + log,
                          path, name], capture_output=True, text=True, timeout=120)
    with open(log, encoding="utf-8") as file:
        text = file.read()
    kinds = {"Leak_DefinitelyLost": 0, "Leak_IndirectlyLost": 1, "Leak_PossiblyLost": 2}
    sums = [0] * 3
    for error in re.findall(r"<error>.*?</error>", text, re.S):
        kind = re.search(r"<kind>(\w+)</kind>", error).group(1)
        if kind in kinds and made_by_program(re.findall(r"<obj>([^<]*)</obj>", error)):
            sums[kinds[kind]] += int(re.search(r"<leakedblocks>(\d+)", error).group(1))
    return sums, run.stderr


cases = [line.split() for line in subprocess.run([path, "--list"], capture_output=True, text=True,
                                                 check=True).stdout.splitlines()]
only = os.environ.get("REACH_CASE")
number = 0
for name, *counts in cases:
    if only and name not in only.split(","):
        continue
    number += 1
    counts = [int(c) for c in counts]
    with tempfile.TemporaryDirectory() as folder:
        if memcheck:
            got, why = valgrind(name, folder)
            want = counts[4:]
        else:
            got, why = profiled(name, folder)
            want = counts[:4]
    good = got == want
    failed += not good
    print(f"{'' if good else 'not '}ok {number} - {name}", flush=True)
    if not good:
        print(f"# got {got}, want {want} {why}", flush=True)
print(f"1..{number}")
sys.exit(failed != 0)
