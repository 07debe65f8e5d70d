"""One run of a workload under a tool: CPU (user + system, of all processes that it starts, companions of the tool included), the
largest resident set of any of them, bytes written into its folder, and how it ended.
"""
import os
import shutil
import signal
import socket
import subprocess
import time

import tools
import workloads

WALL = 900  # seconds
running = None  # what start() started last, a process group


def environment(variables):
    drop = ("LD_PRELOAD", "OUTLIVE_OPTIONS", "MALLOC_CONF", "HEAPPROFILE", "PYTHONMALLOC")
    return {**{k: v for k, v in os.environ.items() if k not in drop}, **variables}


def arguments(tool, command):
    # The program alone is preloaded, not what starts it: assignments are env's, which is gone by then.
    return tool.before + (["env"] + ["%s=%s" % item for item in tool.variables.items()] if tool.variables else []) + command


def ended(status):
    if status < 0:
        return "died of " + signal.Signals(-status).name
    return "status %d" % status if status else None


def reap(process, seconds, folder):
    """(status, seconds of CPU, MB): what measure.c wrote; it is killed when its time is up."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return -signal.SIGKILL, 0, 0
    with open(used_path(folder)) as file:
        status, user, system, rss = map(int, file.read().split())
    return status, (user + system) / 1e6, rss / 1024


def used_path(folder):
    return folder + ".used"


def written(folder):
    return sum(os.path.getsize(os.path.join(root, name)) for root, _, names in os.walk(folder) for name in names)


def result(used, folder, units=1.0):
    status, cpu, rss = used
    return {"cpu": cpu / units, "rss": rss, "bytes": written(folder), "failed": ended(status)}


def start(tool, variables, command, folder):
    global running
    before = [os.path.join(tool.bench, "measure"), used_path(folder)]
    with open(folder + ".output", "wb") as output:
        running = subprocess.Popen(before + arguments(tool, command), env=environment(variables), cwd=folder, stdout=output,
                                   stderr=output, stdin=subprocess.DEVNULL, preexec_fn=tools.limits(tool))
    return running


def stop():
    """Whoever ends the benchmark must not leave what it runs to take the processor from the next."""
    if running and running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def run_command(workload, tool, size, folder):
    variables, command = workload.command(size)
    if tool.build is not None:
        command = [command[0].removesuffix(workload.ours) + tool.build] + command[1:]
    process = start(tool, variables, command, folder)
    return result(reap(process, WALL, folder), folder)


# ---- servers ----


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def parents():
    """pid -> (parent, name) of all processes."""
    every = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as file:
                text = file.read()
        except OSError:
            continue
        after = text.rindex(")")
        every[int(pid)] = (int(text[after + 2:].split()[1]), text[text.index("(") + 1:after])
    return every


def find_server(top, comm):
    """The outermost process of that name below `top`, itself included: a tool may stand before it, workers behind it."""
    every = parents()
    level = [top]
    while level:
        for pid in level:
            # The name is cut; memcheck's tools have their own, redis-server is a link to another.
            if pid in every and (every[pid][1].startswith(comm[:8]) or every[pid][1].startswith(("redis-check", "memcheck"))):
                return pid
        level = [pid for pid, (parent, _) in every.items() if parent in level]
    return None


def run_server(workload, tool, size, folder):
    port = free_port()
    home = folder + ".home"
    os.makedirs(home, exist_ok=True)
    process = start(tool, {}, workload.command(port, home), folder)
    requests, failed = 1, None
    try:
        workloads.connect(port, 30).close()
        requests = workload.load(port, size)
    except (OSError, subprocess.CalledProcessError) as error:
        failed = "served nothing: %s" % error
    pid = find_server(process.pid, workload.comm)
    if pid:
        os.kill(pid, signal.SIGTERM)
    status, cpu, rss = reap(process, 120 if pid else 1, folder)
    by_us = status in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    one = result((0 if by_us else status, cpu, rss), folder, requests / 1e6)
    one["failed"] = failed or one["failed"]
    shutil.rmtree(home, ignore_errors=True)
    return one


def run(workload, tool, size, base):
    """folder of the tool's files is base/files: empty before and after."""
    folder = os.path.join(base, "files")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    os.chmod(folder, 0o777)  # a server's workers may be another user's
    started = time.monotonic()
    one = (run_server if workload.server else run_command)(workload, tool, size, folder)
    one["wall"] = time.monotonic() - started
    shutil.rmtree(folder, ignore_errors=True)
    return one
