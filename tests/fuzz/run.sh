#!/bin/sh
# tests/fuzz/run.sh BUILD SECONDS [PATTERN]: each fuzzer of BUILD/fuzz for so long, from a corpus of real snapshots. What
# it finds new stays in BUILD/fuzz/corpus for the next time; what crashes stays as BUILD/fuzz/crash-*. TAP.
set -u
build=$(cd "$1" && pwd)
seconds=$2
pattern=${3:-}
cd "$(dirname "$0")/../.." || exit 1

seeds=$build/fuzz/seeds
mkdir -p "$seeds"
rm -rf "${seeds:?}"/*
for program in "heap_exact 2" heap_new kind_left "heap_plugin $build/tests/progs/heap_plugin_so.so close"; do
  # shellcheck disable=SC2086
  OUTLIVE_OPTIONS="out=$seeds" LD_PRELOAD="$build/liboutlive.so" "$build/tests/progs/"$program < /dev/zero > /dev/null
done
# seed OPTIONS PROGRAM...
seed() {
  options=$1
  shift
  OUTLIVE_OPTIONS="out=$seeds,$options" LD_PRELOAD="$build/liboutlive.so" "$@" < /dev/null > /dev/null 2>&1
}
seed trace=16 "$build/tests/progs/trace_odd" handlers
seed sample=1k "$build/tests/progs/heap_exact" 1
seed reach=exit "$build/tests/progs/stuck_threads" exit
seed reach=exit "$build/tests/progs/api_verify" block fd list thread
for what in hostile escapes escapes-later sampled before after; do
  /usr/bin/python3 tests/e2e/makesnap.py $what "$seeds/$what.snap"
done
# The symbolizer eats programs.
mkdir -p "$seeds/symbolize_fuzz"
cp "$build/tests/progs/sym_inline" "$seeds/symbolize_fuzz"
mkdir -p "$seeds/options_fuzz" "$seeds/rules_fuzz" "$seeds/perf_map_fuzz"
echo 'out=/tmp/%p,keep=10,interval=5s,growth=10%,families=heap+fds,depth=64,follow=no,quiet=yes' > "$seeds/options_fuzz/all"
echo 'out="a, b",sample=512k,settle=1s,nonsense=1,depth=-1,keep' > "$seeds/options_fuzz/odd"
printf 'leak:^malloc*x$\n# why\nthread:worker\nfd:/dev/*\ntimer:libc.so\n' > "$seeds/rules_fuzz/all"
printf '10 20 JS:*run file:///a b.js:12:3\n30 8 ~\n40 ffffffffffffffff LazyCompile:get size /x:1\n' > "$seeds/perf_map_fuzz/node"
mkdir -p "$seeds/baseline_fuzz" "$seeds/cfi_fuzz"
printf '{"outlive_baseline": 1, "findings": [{"kind": "fd", "why": "open", "count": 2, "stack": ["load (server)", "(libpart.so)", "main (server)"]}, {"kind": "heap", "why": "lost", "count": 9, "stack": []}]}' > "$seeds/baseline_fuzz/two"
for program in progs/sym_inline progs/heap_plugin_so.so progs/thread_cxx; do
  /usr/bin/python3 tests/fuzz/cfi_seed.py "$build/tests/$program" "$seeds/cfi_fuzz/$(basename $program)"
done
# What once broke something, and what reached far: small, and kept.
for folder in tests/fuzz/corpus/*; do
  [ -d "$folder" ] || continue
  mkdir -p "$seeds/$(basename "$folder")"
  cp "$folder"/* "$seeds/$(basename "$folder")"
done
find tests/data -name '*.snap' -exec cp {} "$seeds" \; 2> /dev/null

count=0
failed=0
# What no seed has, a fuzzer does not make up: 4 bytes of a tag.
lacks=
for tag in $(sed -n "s/.*FMT_TAG('\(.\)', '\(.\)', '\(.\)', '\(.\)').*/\1\2\3\4/p" preload/format.h); do
  grep -qaF "$tag" "$seeds"/*.snap || lacks="$lacks $tag"
done
count=$((count + 1))
if [ -z "$lacks" ]; then
  echo "ok $count - each type of record is in a seed"
else
  failed=1
  echo "not ok $count - each type of record is in a seed:$lacks"
fi
for fuzzer in "$build"/fuzz/tests/fuzz/*_fuzz; do
  [ -x "$fuzzer" ] || continue
  name=$(basename "$fuzzer")
  case $name in *"$pattern"*) ;; *) continue ;; esac
  count=$((count + 1))
  from=$seeds
  [ -d "$seeds/$name" ] && from=$seeds/$name
  mkdir -p "$build/fuzz/corpus/$name"
  if ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 "$fuzzer" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 \
    -max_len=65536 -print_final_stats=1 -artifact_prefix="$build/fuzz/crash-$name-" "$build/fuzz/corpus/$name" "$from" \
    > "$build/fuzz/$name.log" 2>&1; then
    echo "ok $count - $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/fuzz/$name.log") inputs"
  else
    failed=1
    echo "not ok $count - $name ($build/fuzz/$name.log)"
    tail -n 30 "$build/fuzz/$name.log" | sed 's/^/# /'
  fi
done
[ $count -gt 1 ] || { count=2; failed=1; echo "not ok 2 - a fuzzer whose name holds '$pattern'"; }
echo "1..$count"
exit $failed
