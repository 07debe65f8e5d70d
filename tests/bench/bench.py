"""What profiling costs: CPU time (user + system) and peak memory of programs run plain, under liboutlive.so and under
heaptrack's library, interleaved, medians. heaptrack is given its least cost: its library alone, its data written to a file and not interpreted.

A run is ended after 120 s of CPU time; a tool that dies on a workload is shown as such.
"""
import argparse
import json
import os
import platform
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HEAPTRACK = "/usr/lib/heaptrack/libheaptrack_preload.so"


def workloads(build):
    bound = os.path.join(build, "tests/bench/alloc_bound")
    sql = os.path.join(HERE, "work.sql")
    return {
        "alloc, 1 thread": [bound, "1", "2000000"],
        "alloc, 2 threads": [bound, "2", "2000000"],
        "sqlite3": ["sqlite3", "-batch", ":memory:", ".read " + sql],
        # Assignments first, as for env: an `env` of its own would be profiled, too.
        "python3": ["PYTHONMALLOC=malloc", "/usr/bin/python3", os.path.join(HERE, "work.py")],
        "perl": ["perl", os.path.join(HERE, "work.pl")],
    }


def tools(build, folder):
    found = {
        "native": {},
        "outlive": {
            "LD_PRELOAD": os.path.join(build, "liboutlive.so"),
            "OUTLIVE_OPTIONS": "out=" + folder,
        },
    }
    if os.path.exists(HEAPTRACK):
        found["heaptrack"] = {"LD_PRELOAD": HEAPTRACK, "DUMP_HEAPTRACK_OUTPUT": os.path.join(folder, "heaptrack.%d" % os.getpid())}
    return found


def run(command, variables):
    """One run: seconds of CPU, peak resident MB, and how it ended."""
    environment = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "OUTLIVE_OPTIONS")}
    # The program alone is preloaded, not what starts it.
    arguments = ["env"] + ["%s=%s" % item for item in variables.items()] + command
    start = time.monotonic()
    process = subprocess.Popen(
        arguments,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (120, 130)),
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    return {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.monotonic() - start,
        "rss": usage.ru_maxrss / 1024,
        "status": os.waitstatus_to_exitcode(status),
    }


def median(runs, key):
    return statistics.median(r[key] for r in runs)


def ended(status):
    return "died of " + signal.Signals(-status).name if status < 0 else "status %d" % status


def measure(name, command, build, repeats):
    folder = tempfile.mkdtemp(prefix="outlive-bench.")
    try:
        found = tools(build, folder)
        runs = {tool: [] for tool in found}
        for _ in range(repeats):
            for tool, variables in found.items():
                if runs[tool] and runs[tool][-1]["status"]:
                    continue
                runs[tool].append(run(command, variables))
                for name_of in os.listdir(folder):
                    os.unlink(os.path.join(folder, name_of))
    finally:
        shutil.rmtree(folder)
    native = runs["native"]
    if any(r["status"] for r in native):
        sys.exit("bench: %s fails natively" % name)
    result = {"workload": name, "command": command, "tools": {}}
    for tool, these in runs.items():
        bad = next((r["status"] for r in these if r["status"]), 0)
        result["tools"][tool] = {
            "cpu_s": median(these, "cpu"),
            "wall_s": median(these, "wall"),
            "rss_mb": median(these, "rss"),
            "cpu_ratio": None if bad else median(these, "cpu") / median(native, "cpu"),
            "rss_ratio": None if bad else median(these, "rss") / median(native, "rss"),
            "failed": ended(bad) if bad else None,
            "runs": these,
        }
    return result


def table(results):
    names = list(results[0]["tools"])
    print("%-18s %20s" % ("", "native") + "".join("%24s" % n for n in names if n != "native"))
    print("%-18s %12s %7s" % ("workload", "CPU s", "MB") + "".join("%13s %10s" % ("CPU x", "MB x") for n in names[1:]))
    for result in results:
        line = "%-18s %12.2f %7.0f" % (
            result["workload"], result["tools"]["native"]["cpu_s"], result["tools"]["native"]["rss_mb"])
        for name in names[1:]:
            tool = result["tools"][name]
            line += "%24s" % tool["failed"] if tool["failed"] else "%13.2f %10.2f" % (tool["cpu_ratio"], tool["rss_ratio"])
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="workloads whose name holds this")
    parser.add_argument("--json", help="also write all runs here")
    options = parser.parse_args()

    build = os.path.abspath(options.build)
    chosen = {name: command for name, command in workloads(build).items() if options.only in name}
    if not chosen:
        sys.exit("bench: no workload's name holds %r" % options.only)
    results = []
    for name, command in chosen.items():
        print("%s ..." % name, file=sys.stderr)
        results.append(measure(name, command, build, options.runs))
    table(results)
    print("\nMedians of %d interleaved runs; CPU is user + system of the program itself; x is times native." % options.runs)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(),
                       "kernel": platform.release(), "time": time.time(), "runs": options.runs, "results": results}, file, indent=1)
        print("All runs: " + options.json)


if __name__ == "__main__":
    main()
