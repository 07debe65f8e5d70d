#!/bin/sh
# The benchmark itself: that it measures what it starts, and shows a tool that fails instead of dropping it.
. "$(dirname "$0")/lib.sh"
need python3 jq cc

mkdir -p b/tests/bench
ln -s "$LIB" b/liboutlive.so
for program in measure alloc_bound event_bench; do
  cc -O2 -o b/tests/bench/$program "$ROOT/tests/bench/$program.c" -lpthread || exit 1
done
cp b/tests/bench/alloc_bound b/tests/bench/alloc_bound_fp

# measure.c: status, CPU and memory of the command alone
b/tests/bench/measure used sh -c 'exit 3'
is "the command's own status is told" "$(cut -d ' ' -f 1 used)" 3
# shellcheck disable=SC2016
b/tests/bench/measure used sh -c 'kill -KILL $$'
is "and the signal that ended it" "$(cut -d ' ' -f 1 used)" -9
b/tests/bench/measure used python3 -c 'b = bytearray(50000000)'
ok "the largest resident set is the command's" [ "$(cut -d ' ' -f 4 used)" -gt 50000 ]
b/tests/bench/measure used true
ok "not that of whoever forked it" [ "$(cut -d ' ' -f 4 used)" -lt 8000 ]

bench() {
  python3 "$ROOT/tests/bench/bench.py" --build b --runs 1 --size 0.001 --only 'alloc, 1' --no-slow --json bench.json --chart bench.svg "$@"
}
status_is "a small run" 0 bench --tool outlive
is "two programs, three ways each, none failed" \
  "$(jq -c '[.results[] | [.tools[] | .failed]]' bench.json)" '[[null,null,null],[null,null,null]]'
ok "outlive has written its snapshot" jq -e '.results[0].tools.outlive.bytes > 0' bench.json
is "the chart is XML" "$(python3 -c 'import xml.dom.minidom as d; print(d.parse("bench.svg").documentElement.tagName)')" svg

# A tool under which the program fails.
rm b/tests/bench/alloc_bound_fp
printf '#!/bin/sh\n[ -z "$LD_PRELOAD" ]\n' > b/tests/bench/alloc_bound_fp
chmod +x b/tests/bench/alloc_bound_fp
status_is "a tool that fails" 0 bench --tool outlive
is "is shown with how" "$(jq -r '.results[1].tools.outlive.failed' bench.json)" "status 1"
like "in the table, too" "$(cat out)" "alloc, 1 thread, fp .*status 1"
status_is "no workload of that name" 1 python3 "$ROOT/tests/bench/bench.py" --build b --only nonesuch
# Ended in the middle: what it ran took the processor from whatever was measured next.
background env TMPDIR="$PWD" python3 "$ROOT/tests/bench/bench.py" --build b --size 100 --only 'alloc, 1' --tool none
alloc_runs() { pgrep -f "^$PWD/b/tests/bench/alloc_bound"; }
ok "it runs a program" wait_for alloc_runs
kill -TERM "$pid"
wait "$pid"
is "ended from outside it says so" $? 143
is "and takes its program with it" "$(alloc_runs)" ""
is "and its folder" "$(find . -maxdepth 1 -name 'outlive-bench.*')" ""
is "the source tree is left as it was" "$(find "$ROOT/tests/bench" -name __pycache__)" ""
done_testing
