"""What one event costs, and how many instructions that is: a malloc and its free by depth, threads and live blocks
(event_bench.c), less the same natively; and whole programs under callgrind, which repeats itself to the instruction.
"""
import os
import re
import shutil
import statistics
import subprocess
import tempfile

import runs

PAIRS = 300000


def shapes(quick):
    live = (1000, 1000000) if quick else (1000, 100000, 1000000, 10000000)
    depths = (8, 64) if quick else (8, 16, 32, 64, 128)
    return ([("depth %d" % d, d, 1, 10000) for d in depths] + [("%d threads" % t, 16, t, 10000) for t in ((2,) if quick else (2, 4, 8))] +
            [("%.0e live" % n, 16, 1, n) for n in live])


def one(build, variables, shape):
    command = [os.path.join(build, "tests/bench/event_bench")] + [str(v) for v in shape] + [str(PAIRS)]
    out = subprocess.run(command, env=runs.environment(variables), capture_output=True, text=True, check=True)
    return float(out.stdout)


def events(build, tools, quick, repeats):
    """[{shape, native: ns, tool: ns more, ...}]: nanoseconds a pair, medians."""
    table = []
    for name, *shape in shapes(quick):
        row = {"shape": name, "depth": shape[0], "threads": shape[1], "live": shape[2]}
        took = {tool.name: [] for tool in tools}
        for _ in range(repeats):
            for tool in tools:
                took[tool.name].append(one(build, tool.variables, shape))
        native = statistics.median(took["native"])
        for tool in tools:
            ns = statistics.median(took[tool.name])
            row[tool.name] = ns if tool.name == "native" else ns - native
        table.append(row)
    return table


def instructions(workload, tool, size):
    """Instructions that callgrind counts, up to the last snapshot, whose writer it cannot run. None: it did not work."""
    folder = tempfile.mkdtemp(prefix="outlive-callgrind.")
    try:
        variables, command = workload.command(size)
        out = os.path.join(folder, "out")
        subprocess.run(["valgrind", "--tool=callgrind", "--dump-before=process_end", "--callgrind-out-file=" + out] + command,
                       env=runs.environment({**variables, **tool.variables}), cwd=folder, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
        first = out + ".1" if os.path.exists(out + ".1") else out
        with open(first, errors="replace") as file:
            found = re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M)
        return int(found.group(1)) if found else None
    except OSError:
        return None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def counts(every, tools, size):
    table = []
    for workload in every:
        if workload.server:
            continue
        row = {"workload": workload.name}
        for tool in tools:
            row[tool.name] = instructions(workload, tool, size)
        table.append(row)
    return table
