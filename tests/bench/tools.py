"""What a program is run under: plain, outlive, and the peers, each as its own manual says. A tool is a preload with variables, or
a command before the command; SLOW ones are given a tenth of the work.
"""
import glob
import os
import resource
import shutil
import subprocess


class Tool:
    def __init__(self, name, variables=None, before=None, slow=False, build=None, about=""):
        self.name, self.variables, self.before, self.slow, self.about = name, variables or {}, before or [], slow, about
        self.build = build  # suffix of a build of our own programs; None: any program
        self.bench = None  # where our own programs are
        self.limit = None  # of address space, in bytes
        self.broken = None  # why it cannot be used here


def library(name):
    return next(iter(sorted(glob.glob("/usr/lib/*/" + name))), None)


def jemalloc(folder, log2):
    path = library("libjemalloc.so.2")
    tool = Tool("jemalloc lg%d" % log2,
                {"LD_PRELOAD": path or "", "MALLOC_CONF": "prof:true,prof_final:true,lg_prof_sample:%d,prof_prefix:%s/jeprof" % (log2, folder)},
                slow=log2 == 0, about="Debian's jemalloc, prof:true,lg_prof_sample:%d" % log2)
    if not path:
        tool.broken = "not installed"
    else:
        # A build without profiling says so, and goes on without.
        said = subprocess.run(["true"], env={**os.environ, **tool.variables}, capture_output=True, text=True).stderr
        if "onf" in said:
            tool.broken = said.strip().splitlines()[0][:60]
    return tool


def heaptrack(folder):
    tool = Tool("heaptrack", before=["heaptrack", "-o", os.path.join(folder, "heaptrack")], about="with its companion process")
    tool.limit = 3 << 30  # its companion can take all memory there is
    if not shutil.which("heaptrack"):
        tool.broken = "not installed"
    return tool


def tcmalloc(folder):
    path = library("libtcmalloc.so.4")
    tool = Tool("tcmalloc HEAPPROFILE", {"LD_PRELOAD": path or "", "HEAPPROFILE": os.path.join(folder, "tc")}, slow=True,
                about="gperftools' heap profiler")
    if not path:
        tool.broken = "not installed"
    return tool


def memcheck():
    tool = Tool("memcheck", before=["valgrind", "-q", "--leak-check=full", "--num-callers=40", "--log-file=/dev/null"], slow=True,
                about="valgrind --leak-check=full")
    if not shutil.which("valgrind"):
        tool.broken = "not installed"
    return tool


def lsan():
    return Tool("LeakSanitizer", {"LSAN_OPTIONS": "exitcode=0:log_path=/dev/null"}, build="_lsan",
                about="gcc -fsanitize=leak -fno-omit-frame-pointer; only what is compiled here")


def all_of(build, folder):
    preload = os.path.join(build, "liboutlive.so")
    every = [
        Tool("native"),
        Tool("outlive", {"LD_PRELOAD": preload, "OUTLIVE_OPTIONS": "out=" + folder}, about="exact, all families"),
        Tool("outlive 512k", {"LD_PRELOAD": preload, "OUTLIVE_OPTIONS": "sample=512k,out=" + folder}, about="sample=512k"),
        heaptrack(folder),
        jemalloc(folder, 19),
        lsan(),
        jemalloc(folder, 0),
        tcmalloc(folder),
        memcheck(),
    ]
    for tool in every:
        tool.bench = os.path.join(build, "tests/bench")
    return every


def gates(build):
    """As a suite is run in CI."""
    check = [os.path.join(build, "outlive"), "run", "--check"]
    every = [
        Tool("native"),
        Tool("run --check", before=check + ["--"], about="the whole gate"),
        Tool("--heap=off", before=check + ["--heap=off", "--"], about="threads, timers and descriptors"),
    ]
    for tool in every:
        tool.bench = os.path.join(build, "tests/bench")
    return every


def limits(tool):
    """For preexec_fn: what a run may take at most."""

    def set_them():
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (300, 310))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if tool.limit:
            resource.setrlimit(resource.RLIMIT_AS, (tool.limit, tool.limit))

    return set_them
