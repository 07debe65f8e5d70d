#!/bin/sh
# Workers of libraries, and the threads of servers with many: all wait for work, and none is told to be stuck.
. "${0%/*}/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/idle.sh"
need jq python3 g++ memcached gio

preloaded memcached -u "$(id -un)" -s "$dir/memcached.sock"
wait_for [ -S memcached.sock ]
not_idle memcached ''
like "memcached: why" "$(reasons)" "memcached.s own threads wait for work"
stop_pid "$pid"

mkdir watched
preloaded gio monitor watched
wait_for sh -c 'ls -l "/proc/$1/fd" | grep -q inotify' sh "$pid"
not_idle "GLib: main loop and worker" ''
like "GLib: why" "$(reasons)" "GLib.s main loop waits for the next event"
stop_pid "$pid"

mkfifo hold
# held NAME KINDS COMMAND...: a program that says "there", and then reads its input
held() {
  name=$1 kinds=$2
  shift 2
  # shellcheck disable=SC2016
  preloaded sh -c 'exec "$@" < hold' sh "$@"
  exec 3> hold
  wait_for grep -q there "$pid.log"
  not_idle "$name" "$kinds"
  exec 3>&-
  stop_pid "$pid"
}

cat > sort.cc << 'END'
#include <algorithm>
#include <cstdio>
#include <execution>
#include <string>
#include <vector>
int main()
{
	std::vector<std::string> v;
	for (long i = 0; i < 200000; i++)
		v.push_back(std::to_string(i * 7919 % 1000003));
	std::sort(std::execution::par, v.begin(), v.end());
	puts("there");
	fflush(stdout);
	return getchar() == 'x';
}
END
ok "a parallel sort of libstdc++ builds" g++ -std=c++17 -g -o sort sort.cc -ltbb
held "TBB: but the first thread, which reads" read ./sort
unlike "names of templates do not flood the page" "$("$OUTLIVE" threads "$snap")" '.{160}'
is "but are there" "$("$OUTLIVE" threads --json "$snap" | jq '[.. | .function? | strings | length] | max > 1000')" true
like "TBB: why" "$(reasons)" "^(TBB's workers wait for a task)?$"

cat > asio.cc << 'END'
#include <asio.hpp>
#include <cstdio>
int main()
{
	asio::thread_pool pool(3);
	asio::post(pool, [] {
		puts("there");
		fflush(stdout);
	});
	return getchar() == 'x';
}
END
for flags in '-g -O0' -O2; do
  # shellcheck disable=SC2086
  ok "a program with Asio builds ($flags)" g++ $flags -o asio asio.cc
  held "Asio ($flags): but the first thread" read ./asio
  is "Asio ($flags): why" "$(reasons)" "Asio's threads wait for a handler to run"
done

blas=$(find /usr/lib/*/openblas-pthrea/usr/lib64 -name 'libopenblas*.so*' -type f 2> /dev/null | head -n 1)
if [ -n "$blas" ]; then
  cat > multiply.py << 'END'
import ctypes, sys
lib = ctypes.CDLL(sys.argv[1])
n = 256
a, b, c = ((ctypes.c_double * (n * n))(*([1.0] * (n * n))) for _ in range(3))
lib.openblas_set_num_threads(3)
lib.cblas_dgemm(101, 111, 111, n, n, n, ctypes.c_double(1), a, n, b, n, ctypes.c_double(0), c, n)
print("there", c[0], flush=True)
sys.stdin.readline()
END
  held "OpenBLAS: but the first thread" read /usr/bin/python3 multiply.py "$blas"
  is "OpenBLAS: why" "$(reasons)" "OpenBLAS's workers wait for work"
else
  note "no OpenBLAS with threads here: its workers are not looked at"
fi
done_testing
