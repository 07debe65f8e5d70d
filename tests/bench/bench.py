"""What profiling costs: programs run plain, under liboutlive.so (exact and sampled) and under other heap profilers, interleaved.

CPU is user + system of all processes of a run, a tool's companions included, as a multiple of native's; MB the largest resident
set of one of them; medians. Tools that take tens of times as long are given a tenth of the work, once, and are held against a
native run of that size. A tool that fails is shown with how. Then: nanoseconds an event, and instructions under callgrind.
"""
import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

# Behind the line above: they are to leave nothing in the source tree.
import chart  # noqa: E402
import events  # noqa: E402
import runs  # noqa: E402
import tools as tools_  # noqa: E402
import workloads  # noqa: E402

SMALL = 0.1
COLUMN = 15


def median(these, key):
    return statistics.median(r[key] for r in these)


def summary(these, native):
    bad = next((r["failed"] for r in these if r["failed"]), None)
    if bad:
        return {"failed": bad, "cpu_ratio": None, "rss_ratio": None, "runs": these}
    return {"failed": None, "cpu": median(these, "cpu"), "rss_mb": median(these, "rss"), "bytes": median(these, "bytes"),
            "cpu_ratio": median(these, "cpu") / median(native, "cpu"), "rss_ratio": median(these, "rss") / median(native, "rss"), "runs": these}


def unusable(workload, tool):
    if tool.broken:
        return tool.broken
    if tool.build is not None and workload.ours is None:
        return "needs recompiling"
    return None


def interleaved(workload, chosen, size, repeats, folder):
    """tool's name -> runs. A tool that failed is not tried again."""
    took = {tool.name: [] for tool in chosen}
    for _ in range(repeats):
        for tool in chosen:
            these = took[tool.name]
            if not (these and these[-1]["failed"]):
                these.append(runs.run(workload, tool, size, folder))
    if any(r["failed"] for r in took["native"]):
        sys.exit("bench: %s fails natively: %s" % (workload.name, took["native"][-1]["failed"]))
    return took


def measure(workload, chosen, o, folder):
    usable = [t for t in chosen if not unusable(workload, t)]
    fast, slow = [t for t in usable if not t.slow], [t for t in usable if t.slow]
    result = {"workload": workload.name, "unit": "s for a million requests" if workload.server else "s", "tools": {}}
    took = interleaved(workload, fast, o.size, o.runs, folder)
    small = interleaved(workload, [fast[0]] + slow, o.size * SMALL, 1, folder) if slow and not o.no_slow else {}
    for tool in chosen:
        why = unusable(workload, tool)
        if why:
            result["tools"][tool.name] = {"failed": why, "cpu_ratio": None, "rss_ratio": None, "runs": []}
        elif not tool.slow:
            result["tools"][tool.name] = summary(took[tool.name], took["native"])
        elif small:
            result["tools"][tool.name] = summary(small[tool.name], small["native"])
            result["tools"][tool.name]["small"] = True
    return result


# ---- what is printed ----


def cell(tool):
    if tool is None:
        return "-"
    if tool["failed"]:
        return tool["failed"][:COLUMN - 1]
    return "%.2f /%6.2f" % (tool["cpu_ratio"], tool["rss_ratio"])


def print_results(results, chosen):
    names = [t.name for t in chosen[1:]]
    print("CPU x / MB x of native\n")
    print("%-21s%9s%8s" % ("workload", "CPU s", "MB") + "".join("%*s" % (COLUMN + 2, n[:COLUMN + 1]) for n in names))
    for result in results:
        native = result["tools"]["native"]
        print("%-21s%9.2f%8.0f" % (result["workload"], native["cpu"], native["rss_mb"]) +
              "".join("%*s" % (COLUMN + 2, cell(result["tools"].get(n))) for n in names))
    print("\nbytes written")
    for result in results:
        print("%-38s" % result["workload"] + "".join(
            "%*s" % (COLUMN + 2, "-" if (t := result["tools"].get(n)) is None or t["failed"] else "%d" % t["bytes"]) for n in names))


def print_short(results, chosen):
    """ms of CPU a process; beside native: more than that."""
    names = [t.name for t in chosen[1:]]
    print("\nms of CPU for a short process, beside native more than that; MB of the largest, x of native")
    print("%-25s%10s%9s%8s" % ("", "processes", "native", "MB") + "".join("%*s" % (COLUMN + 2, n) for n in names))
    for result in results:
        native, n = result["tools"]["native"], result["processes"]
        print("%-25s%10d%9.2f%8.0f" % (result["workload"], n, native["cpu"] * 1e3 / n, native["rss_mb"]) +
              "".join("%*s" % (COLUMN + 2, t["failed"] or "%+.2f /%5.2f" % ((t["cpu"] - native["cpu"]) * 1e3 / n, t["rss_ratio"]))
                      for t in map(result["tools"].get, names)))


def print_events(table, names):
    print("\nns of CPU for a malloc and its free; beside native: more than that")
    print("%-21s%9s" % ("", "native") + "".join("%*s" % (COLUMN, n) for n in names))
    for row in table:
        print("%-21s%9.0f" % (row["shape"], row["native"]) + "".join("%+*.0f" % (COLUMN, row[n]) for n in names))


def print_counts(table, names):
    print("\ninstructions (callgrind), and more of them")
    print("%-21s%16s" % ("", "native") + "".join("%*s" % (COLUMN, n) for n in names))
    for row in table:
        native = row["native"]
        print("%-21s%16s" % (row["workload"], native) + "".join(
            "%*s" % (COLUMN, "%+.1f %%" % ((row[n] / native - 1) * 100) if native and row[n] else "failed") for n in names))


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) // 1024
    return {"cpu": model, "cores": os.cpu_count(), "memory_mb": memory, "kernel": platform.release(),
            "system": subprocess.run(["sh", "-c", ". /etc/os-release; echo $PRETTY_NAME"], capture_output=True, text=True).stdout.strip(),
            "load": os.getloadavg()}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", type=float, default=1, help="of the work: 0.5 is half")
    parser.add_argument("--only", default="", help="workloads whose name holds this")
    parser.add_argument("--tool", default="", help="beside native, tools whose name holds this")
    parser.add_argument("--no-slow", action="store_true", help="without the tools that take tens of times as long")
    parser.add_argument("--quick", action="store_true", help="under five minutes: less work, fewer runs, no slow tools")
    parser.add_argument("--json", help="write all runs here")
    parser.add_argument("--chart", help="and a chart here (SVG)")
    o = parser.parse_args()
    if o.quick:
        o.runs, o.size, o.no_slow = min(o.runs, 3), o.size * 0.2, True
    return o


def write(data, o):
    """After each step: a run that is ended early leaves what it has."""
    if o.json:
        with open(o.json + ".new", "w") as file:
            json.dump(data, file, indent=1)
        os.replace(o.json + ".new", o.json)
    if o.chart:
        with open(o.chart, "w") as file:
            file.write(chart.draw(data))


def main():
    o = parse()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    build = os.path.abspath(o.build)
    folder = tempfile.mkdtemp(prefix="outlive-bench.")
    os.chmod(folder, 0o755)
    inputs = os.path.join(folder, "inputs")
    os.makedirs(inputs)
    try:
        every = [w for w in workloads.all_of(build, inputs) if o.only in w.name]
        chosen = [t for t in tools_.all_of(build, os.path.join(folder, "files")) if t.name == "native" or o.tool in t.name]
        if o.no_slow:
            chosen = [t for t in chosen if not t.slow]
        short = [w for w in workloads.short(inputs) if o.only in w.name]
        gates = tools_.gates(build)
        if not every and not short:
            sys.exit("bench: no workload's name holds %r" % o.only)
        data = {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "machine": machine(), "runs": o.runs, "size": o.size, "results": []}
        for workload in every:
            lacks = workloads.missing(workload)
            if lacks:
                print("bench: %s is not installed: no %s" % (lacks, workload.name), file=sys.stderr)
                continue
            started = time.monotonic()
            data["results"].append(measure(workload, chosen, o, folder))
            print("%s: %.0f s" % (workload.name, time.monotonic() - started), file=sys.stderr)
            write(data, o)
        for workload in short:
            data.setdefault("short", []).append({**measure(workload, gates, o, folder), "processes": workload.processes(o.size)})
            write(data, o)
        if every:
            print_results(data["results"], chosen)
        if short:
            print_short(data["short"], gates)
        own = [t for t in chosen if t.name == "native" or t.name.startswith("outlive")]
        names = [t.name for t in own[1:]]
        if names and not o.only:
            data["events"] = events.events(build, own, o.quick, min(o.runs, 3))
            print_events(data["events"], names)
        if names and every and not o.quick and shutil.which("valgrind"):
            data["instructions"] = events.counts(every, own, o.size * SMALL)
            print_counts(data["instructions"], names)
        data["machine"]["load_after"] = os.getloadavg()
        write(data, o)
        print("\n%s, %d cores, %s; %s; medians of %d interleaved runs, load %.1f to %.1f" % (
            data["machine"]["cpu"], data["machine"]["cores"], data["machine"]["system"], data["date"], o.runs, data["machine"]["load"][0], os.getloadavg()[0]))
    finally:
        runs.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
