"""What is run: real programs and one that does nothing but allocate. A workload is a command line, or a server with a load, of a
size between 0 and 1: 1 is what is measured, a part of it is for tools that take a hundred times as long.
"""
import os
import re
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"


class Workload:
    """command(size) -> (variables, arguments). ours: compiled here, so there are builds for LeakSanitizer."""

    def __init__(self, name, command, ours=None):
        self.name, self.command, self.ours = name, command, ours
        self.server = False


class Server:
    """command(port, folder) starts it in the foreground as process `comm`; load(port, size) drives it and returns how many
    requests were served: CPU is told for a million of them."""

    def __init__(self, name, comm, command, load):
        self.name, self.comm, self.command, self.load = name, comm, command, load
        self.server, self.ours = True, None


# ---- inputs, made once in the folder of this run ----


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def large_c(functions):
    """Functions as people write them: locals, loops, structures, switches, calls."""
    out = ["struct item { int key; long weight; struct item *next; char name[16]; };\n"]
    for i in range(functions):
        out.append(
            "static long f%d(struct item *list, int n)\n{\n\tlong sum = %d;\n\tfor (int i = 0; i < n; i++) {\n"
            "\t\tswitch (i %% 5) {\n\t\tcase 0: sum += list[i].weight * %d; break;\n\t\tcase 1: sum ^= list[i].key; break;\n"
            "\t\tcase 2: list[i].name[sum & 15] = (char)(sum + i); break;\n\t\tcase 3: if (list[i].next) sum -= list[i].next->weight; break;\n"
            "\t\tdefault: sum += %s; }\n\t}\n\treturn sum ? sum : list->key;\n}\n"
            % (i, i, i + 3, "f%d(list, n - 1)" % (i - 1) if i else "1"))
    out.append("long last(struct item *l, int n) { return f%d(l, n); }\n" % (functions - 1))
    return "".join(out)


LARGE_CC = """#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>
#if LARGE
#include <algorithm>
#include <functional>
#include <iostream>
#include <unordered_map>
#endif
template <int N> struct Shape { std::map<int, std::string> names; std::vector<std::unique_ptr<Shape<N - 1>>> parts;
	int count() const { int n = 0; for (auto &p : parts) n += p->count(); return n + (int)names.size(); }
	void add(const std::string &s) { names[(int)s.size() + N] = s; parts.emplace_back(new Shape<N - 1>); parts.back()->add(s + "."); } };
template <> struct Shape<0> { std::set<std::string> leaves; int count() const { return (int)leaves.size(); }
	void add(const std::string &s) { leaves.insert(s); } };
#if LARGE
template <int N> int work(const std::string &s) { std::unordered_map<std::string, std::vector<int>> m; Shape<N> shape; shape.add(s);
	std::function<int(int)> f = [&](int i) { return i < 1 ? shape.count() : (int)m[s].size() + i; };
	std::vector<std::pair<int, std::string>> v; for (int i = 0; i < N; i++) v.emplace_back(f(i), s + std::to_string(i));
	std::sort(v.begin(), v.end()); return v.empty() ? 0 : v[0].first + work<N - 1>(s); }
template <> int work<0>(const std::string &s) { std::cout << s; return 0; }
#else
template <int N> int work(const std::string &s) { Shape<N> shape; shape.add(s); return shape.count(); }
#endif
int main(int argc, char **argv) { return work<%d>(argv[argc - 1]); }
"""


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def sized(count, size):
    return str(max(1, int(count * size)))


def alloc_bound(build, threads, variant):
    def command(size):
        return {}, [os.path.join(build, "tests/bench/alloc_bound" + variant), str(threads), sized(8000000, size)]

    return command


def sqlite(folder):
    with open(os.path.join(HERE, "work.sql")) as file:
        text = file.read()

    def command(size):
        path = write(folder, "work-%g.sql" % size, text.replace("150000", sized(300000, size)))
        return {}, ["sqlite3", "-batch", ":memory:", ".read " + path]

    return command


def script(interpreter, name, count, variables=None):
    return lambda size: (variables or {}, [interpreter, os.path.join(HERE, name), sized(count, size)])


def compiler(folder):
    cc1 = output_of("gcc", "-print-prog-name=cc1")

    def command(size):
        path = write(folder, "large-%g.c" % size, large_c(int(700 * size) + 1))
        return {}, [cc1, "-quiet", "-O0", path, "-o", os.path.join(folder, "large.s")]

    return command


def compiler_cxx(folder):
    cc1plus = output_of("gcc", "-print-prog-name=cc1plus")

    def command(size):
        source = write(folder, "large-%g.cc" % size, LARGE_CC % max(1, int(6 * size)))
        path = source[:-3] + ".ii"
        if not os.path.exists(path):
            subprocess.run(["g++", "-E", "-DLARGE=%d" % (size >= 0.2), source, "-o", path], check=True)
        return {}, [cc1plus, "-quiet", "-O2", "-fpreprocessed", path, "-o", os.path.join(folder, "large.s")]

    return command


# ---- short processes ----


class Short(Workload):
    """As a test suite or a configure script starts them; processes(size) tells how many."""

    def __init__(self, name, command, processes):
        super().__init__(name, command)
        self.processes = processes


def shell_loop(folder):
    def command(size):
        text = "i=0\nwhile [ $i -lt %s ]; do\n  /bin/true\n  /bin/sh -c :\n  /bin/sed -n p %s > /dev/null\n  i=$((i + 1))\ndone\n"
        return {}, ["sh", write(folder, "loop-%g.sh" % size, text % (sized(100, size), __file__))]

    return command


def make_tree(folder):
    def command(size):
        tree = os.path.join(folder, "tree-%g" % size)
        os.makedirs(tree, exist_ok=True)
        n = int(sized(50, size))
        for i in range(n):
            write(tree, "f%d.c" % i, "int f%d(int a)\n{\n\treturn a * %d;\n}\n" % (i, i))
        objects = " ".join("f%d.o" % i for i in range(n))
        write(tree, "Makefile", "lib.so: %s\n\tgcc -shared -o $@ $^\n%%.o: %%.c\n\tgcc -c -fPIC -o $@ $<\n" % objects)
        return {}, ["make", "-s", "-B", "-C", tree]

    return command


def short(folder):
    return [
        Short("short: true, sh, sed", shell_loop(folder), lambda size: 3 * int(sized(100, size)) + 1),
        # gcc, cc1, as for each; gcc, collect2, ld; make
        Short("short: make of C files", make_tree(folder), lambda size: 3 * int(sized(50, size)) + 4),
    ]


# ---- servers ----


def connect(port, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def load_redis(port, size):
    n = max(1000, int(150000 * size))
    subprocess.run(["redis-benchmark", "-p", str(port), "-q", "-n", str(n), "-P", "16", "-r", "100000", "-t", "set,get,lpush"],
                   check=True, stdout=subprocess.DEVNULL)
    return 3 * n


def load_memcached(port, size):
    """Sets and gets of 50,000 keys with values of 20 to 4,000 bytes, pipelined, on a new connection each thousand."""
    total = max(2000, int(300000 * size))
    for first in range(0, total, 1000):
        with connect(port) as client:
            batch = [b"set key%d 0 0 %d\r\n%s\r\nget key%d\r\n" % (i * 7919 % 50000, n, b"v" * n, i * 31 % 50000)
                     for i in range(first, first + 500) for n in [20 + i * 37 % 3980]]
            client.sendall(b"".join(batch) + b"quit\r\n")
            while client.recv(1 << 20):
                pass
    return total


def load_nginx(port, size):
    out = output_of("wrk", "-t", "1", "-c", "20", "-d", "%ds" % max(1, round(4 * size)), "-H", "Connection: close", "http://127.0.0.1:%d/" % port)
    return int(re.search(r"(\d+) requests in", out).group(1))


def nginx(port, folder):
    write(folder, "index.html", "hello\n" * 50)
    user = "user root; " if os.getuid() == 0 else ""
    path = write(folder, "nginx.conf", user + """daemon off; worker_processes 1; pid %(f)s/nginx.pid; error_log %(f)s/error.log;
events { worker_connections 256; }
http { access_log %(f)s/access.log; server { listen 127.0.0.1:%(p)d; root %(f)s; } }
""" % {"f": folder, "p": port})
    return ["nginx", "-e", os.path.join(folder, "error.log"), "-p", folder, "-c", path]


def redis(port, folder):
    return ["redis-server", "--port", str(port), "--save", "", "--dir", folder, "--loglevel", "warning"]


def memcached(port, folder):
    user = ["-u", "root"] if os.getuid() == 0 else []
    return ["memcached", "-l", "127.0.0.1", "-p", str(port), "-m", "256", "-t", "2", "-c", "256"] + user


def all_of(build, folder):
    malloc = {"PYTHONMALLOC": "malloc"}
    every = []
    for threads in (1, 2):
        for variant in ("", "_fp"):
            every.append(Workload("alloc, %d thread%s%s" % (threads, "s" if threads > 1 else "", ", fp" if variant else ""),
                                  alloc_bound(build, threads, variant), ours=variant))
    every += [
        Server("redis-server", "redis-server", redis, load_redis),
        Workload("sqlite3", sqlite(folder)),
        Workload("python3", script(PYTHON, "work.py", 10, malloc)),
        Workload("python3 ast+compile", script(PYTHON, "work_ast.py", 250, malloc)),
        Workload("cc1", compiler(folder)),
        Workload("cc1plus -O2", compiler_cxx(folder)),
        Workload("perl", script("perl", "work.pl", 80000)),
        Server("nginx", "nginx", nginx, load_nginx),
        Server("memcached", "memcached", memcached, load_memcached),
    ]
    return every


def missing(workload):
    """The program that it lacks, or None."""
    needs = [workload.comm] + {"nginx": ["wrk"], "redis-server": ["redis-benchmark"]}.get(workload.comm, []) if workload.server else []
    return next((n for n in needs if not shutil.which(n) and not os.path.exists("/usr/sbin/" + n)), None)


if __name__ == "__main__":
    sys.exit("workloads.py: see bench.py")
