#!/bin/sh
# Sampled mode. With a sample point in every byte it must find exactly what exact mode finds, through whichever function
# a block comes and goes; with few points its totals must be those of exact mode within their errors.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq sqlite3 python3

# sampled PERIOD DIR COMMAND...: as profiled
sampled() {
  period=$1 into=$2
  shift 2
  mkdir -p "$into"
  OUTLIVE_OPTIONS="sample=$period,out=$PWD/$into" LD_PRELOAD=$LIB "$@" > "$into.out" 2> "$into.err"
  status=$?
}

expect() {
  is "$1, $threads thread(s)" "$(figures top.json "$1")" \
    "$(($2 * threads)) $(($3 * threads)) $(($4 * threads)) $(($5 * threads))"
}

for threads in 1 8; do
  sampled 1 "t$threads" "$PROGS/heap_exact" $threads
  is "the program ends well, $threads thread(s)" "$status $(cat t$threads.out t$threads.err)" "0 "
  ok "its snapshot loads" top t$threads
  expect exact_malloc 1000 100000 500 50000
  expect exact_calloc 1000 21000 1000 21000
  expect exact_realloc_grow 800 30000 200 16000
  expect exact_realloc_null 100 3300 100 3300
  expect exact_realloc_zero 100 5000 0 0
  expect exact_reallocarray 100 4500 100 4500
  expect exact_posix_memalign 100 20000 100 20000
  expect exact_aligned_alloc 100 12800 0 0
  expect exact_memalign 100 7700 100 7700
  expect exact_valloc 10 3000 10 3000
  expect exact_pvalloc 10 3000 10 3000
  expect exact_big 3 12582912 1 4194304
  expect exact_refused 0 0 0 0
  is "nothing was lost, $threads thread(s)" "$(jq -c '.audit.lost | add // 0' top.json)" 0
  is "no stranger, $threads thread(s)" "$(jq -c '[.audit.unknown_frees, .audit.unseen_frees]' top.json)" "[0,0]"
  like "info says what was counted" "$("$OUTLIVE" info "$(last_snap t$threads)")" 'counted .*one allocation in 1 bytes'
done

# near WHAT ESTIMATE TRUTH PERIOD: within six errors, for blocks that are small beside the period; and no wonder
near() {
  ok "$1: $2 is near $3" python3 -c "
import math
error = math.sqrt($3 * $4)
raise SystemExit(not (0 < abs($2 - $3) <= 6 * error))"
}

# operator new and delete, sized ones too, where they are libc's and where they are not.
for other in '' libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
  into=new$other
  other=${other:+$(find /usr/lib/x86_64-linux-gnu -name "$other" | head -n 1)}
  mkdir -p "$into"
  OUTLIVE_OPTIONS="sample=1,out=$PWD/$into" LD_PRELOAD="$LIB${other:+ $other}" "$PROGS/heap_new" > /dev/null 2>&1
  top "$into"
  is "operator new and delete, $into" \
    "$(figures top.json new_plain) $(figures top.json new_kept) $(figures top.json new_aligned_sized) $(figures top.json new_sized)" \
    "100 2400 0 0 100 2400 100 2400 100 12800 0 0 100 2800 0 0"
  # Whether operator new comes through malloc is learnt from its first call, which here mostly is passed over.
  set -- "$(totals top.json | cut -d ' ' -f 2)"
  mkdir -p "$into-64"
  OUTLIVE_OPTIONS="sample=64,out=$PWD/$into-64" LD_PRELOAD="$LIB${other:+ $other}" "$PROGS/heap_new" > /dev/null 2>&1
  top "$into-64"
  near "the bytes of all, $into" "$(totals top.json | cut -d ' ' -f 2)" "$1" 64
done
# Of small blocks all are estimates, even so; those of 40 bytes and more are sure.
for family in mimalloc tcmalloc; do
  sampled 1 $family "$PROGS/family_$family"
  top $family
  while read -r name allocs bytes live live_bytes; do
    [ "$allocs" -gt 0 ] && [ $((bytes / allocs)) -ge 40 ] || continue
    got=$(figures top.json "call_$name")
    [ "$got" = "$allocs $bytes $live $live_bytes" ] || echo "$name: $got, want $allocs $bytes $live $live_bytes"
  done < $family.out > differ
  is "$family's own functions" "$(cat differ)" ""
done

cat > load.sql << 'SQL'
CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT);
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<20000) INSERT INTO t SELECT x, printf('key%08x', x) FROM c;
SELECT sum(length(printf('%s:%d', k, id))) FROM t;
SQL
profiled exact sqlite3 :memory: '.read load.sql'
top exact
# shellcheck disable=SC2046
set -- $(totals top.json)
sampled 16k some sqlite3 :memory: '.read load.sql'
is "sqlite3 answers as it does natively" "$status $(cat some.out some.err)" "0 $(sqlite3 :memory: '.read load.sql')"
top some
# shellcheck disable=SC2046
near "sqlite3's bytes" $(totals top.json | cut -d ' ' -f 2) "$2" 16384
ok "few stacks are recorded" [ "$(jq .n_rows top.json)" -lt 2000 ]

like "a person is told of errors" "$("$OUTLIVE" top --sort=alloc_space "$(last_snap some)")" '±[0-9.]+ %'
status_is "check has no verdict on a sampled heap" 4 "$OUTLIVE" check --max-residue=1g "$(last_snap some)"
"$OUTLIVE" export "$(last_snap some)" > exported
ok "pprof is told the period" python3 -c "
import gzip, glob
# period_type is field 11, period field 12 of the profile: 16384 as a varint
assert bytes([0x60, 0x80, 0x80, 0x01]) in gzip.open(glob.glob('outlive.sqlite3.*.pb.gz')[0]).read()"

"$OUTLIVE" run --sample 16k sqlite3 :memory: '.read load.sql' > run.out 2> run.err
like "run says that it is an estimate" "$(cat run.err)" "about .* live at exit"
"$OUTLIVE" run --sample 1g true 2> run.err
like "and that nothing was in the sample" "$(cat run.err)" "none of its allocations was in the sample"

# Odd calls, blocks from before the real malloc was found, blocks that others free: as natively, and nothing lost.
for program in heap_early heap_odd heap_cross heap_new; do
  "$PROGS/$program" > native.out 2>&1
  native="$? $(cat native.out)"
  sampled 64 "odd-$program" "$PROGS/$program"
  is "$program does what it does natively" "$status $(cat "odd-$program.out" "odd-$program.err")" "$native"
  top "odd-$program"
  is "$program: nothing was lost" "$(jq -c '[.audit.lost.reentrant, .audit.lost.no_memory, .audit.unseen_frees]' top.json)" "[0,0,0]"
done

cat > fork.py << 'PY'
import os
# Of many sizes: sums of as many samples are not equal by chance.
kept = [bytes(500 + i % 97) for i in range(20000)]
pids = []
for _ in range(2):
    pid = os.fork()
    if not pid:
        more = [bytes(500 + i % 97) for i in range(20000)]
        os._exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
PY
sampled 16k forked env PYTHONMALLOC=malloc /usr/bin/python3 fork.py
is "a parent and its two children end well" "$status $(cat forked.err)" "0 "
for snap in $(snaps forked python3); do
  "$OUTLIVE" top --json "$snap" | jq -r .totals.heap.inuse_space
done > inuse
is "each has its own snapshot" "$(wc -l < inuse)" 3
is "and no two have drawn the same samples" "$(sort -u inuse | wc -l)" 3

# What a fork child allocates before its exec makes it a program of its own, also where each call is passed over.
cat > exec.py << 'PY'
import os
for n in (0, 40000):
    if not os.fork():
        kept = [bytes(600) for i in range(n)]
        os.execv("/bin/true", ["true"])
    os.wait()
PY
sampled 512k execs env PYTHONMALLOC=malloc /usr/bin/python3 exec.py
is "a child that allocates is written before its exec, one that does not is not" \
  "$(for snap in $(snaps execs python3); do "$OUTLIVE" info --json "$snap" | jq -r .snapshot.reason; done | sort)" "at exit
before an exec"
done_testing
