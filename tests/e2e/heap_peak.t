#!/bin/sh
# peak=yes keeps the highest moment, within 2 %, whichever way the heap comes down; growth= writes as it rises.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq sqlite3 valgrind

for shape in saw one resized rise threads; do
  OUTLIVE_OPTIONS="out=$PWD/$shape,peak=yes" LD_PRELOAD=$LIB "$PROGS/heap_peak" $shape > out 2> err
  is "$shape: status" "$? $(cat err)" "0 "
  peak=$(find $shape -name '*.peak.snap')
  is "$shape: one file of the peak, and one of the end" "$(ls $shape | sed 's/\.[0-9]*\.\([^.]*\)\.snap/ \1/' | tr '\n' ';')" \
    "outlive.heap_peak 1;outlive.heap_peak peak;"
  like "$shape: it says why it is there" "$(/usr/bin/python3 "$ROOT/tests/e2e/snapinfo.py" "$peak")" '^peak'
  "$OUTLIVE" top --json -n 0 "$peak" > top.json
  ok "$shape: within 2 % of $(cat out)" \
    jq -e --argjson want "$(cat out)" '.totals.heap.inuse_space | . >= $want * 0.98 and . <= $want * 1.02 + 70000' top.json
  note "$(jq .totals.heap.inuse_space top.json)"
done
is "diff of a folder does not take the peak for the first or the last" \
  "$("$OUTLIVE" diff --json saw 2>&1 | grep -c peak)" 0

OUTLIVE_OPTIONS="out=$PWD/small,peak=yes" LD_PRELOAD=$LIB sh -c 'ls / | cat > /dev/null; true' > out 2> err
is "heaps below 1 MB have none: a pipeline leaves no litter" "$(ls small | grep -c peak) $(cat err)" "0 "

# The file of another image is never replaced.
for i in 1 2; do
  OUTLIVE_OPTIONS="out=$PWD/again,peak=yes" LD_PRELOAD=$LIB /bin/sh -c "exec \"$PROGS/heap_peak\" rise" > out 2> err
done
is "each process has its own" "$(ls again | grep -c heap_peak.*peak)" 2
mkdir kept
sh -c 'exec 8> kept/outlive.heap_peak.$$.peak.snap; LD_PRELOAD='"$LIB"' OUTLIVE_OPTIONS=out='"$PWD"'/kept,peak=yes exec "'"$PROGS"'/heap_peak" rise' > out 2> err
is "a file that was there is not replaced" "$(find kept -size 0 | wc -l) $(ls kept | grep -c 'peak-2.snap')" "1 1"

OUTLIVE_OPTIONS="out=$PWD/growth,growth=4M,keep=0" LD_PRELOAD=$LIB "$PROGS/heap_peak" steps > out 2> err
for snap in $(snaps growth); do
  /usr/bin/python3 "$ROOT/tests/e2e/snapinfo.py" "$snap"
  "$OUTLIVE" top --json "$snap" | jq .totals.heap.inuse_space
done > written
note "$(tr '\n' ' ' < written)"
# 20 MB in steps of 1, each of which waits for what is being written: at 4, 8, 12, 16, 20.
is "growth by size: a snapshot every so often, and not more often" "$(grep -c growth written)" 5
OUTLIVE_OPTIONS="out=$PWD/percent,growth=50%,keep=0" LD_PRELOAD=$LIB "$PROGS/heap_peak" steps > out 2> err
n=$(for snap in $(snaps percent); do /usr/bin/python3 "$ROOT/tests/e2e/snapinfo.py" "$snap"; done | grep -c growth)
ok "growth by percentage: from 1 MB to 20 MB by half each time ($n)" [ "$n" -ge 3 -a "$n" -le 8 ]

# Four threads raise it together, each with frees of its own between: no step is missed, none told twice.
OUTLIVE_OPTIONS="out=$PWD/abreast,growth=4M,keep=0" LD_PRELOAD=$LIB "$PROGS/heap_peak" abreast > out 2> err
for snap in $(snaps abreast); do
  /usr/bin/python3 "$ROOT/tests/e2e/snapinfo.py" "$snap"
done > written
note "$(tr '\n' ' ' < written)"
n=$(grep -c growth written)
ok "threads: growth by size ($n)" [ "$n" -ge 2 -a "$n" -le 5 ]
"$OUTLIVE" top --json -n 0 "$(last_snap abreast)" > top.json
is "threads: nothing is lost" "$(jq -c '.audit.lost | add' top.json) $(jq .audit.unknown_frees top.json)" "0 0"
is "threads: every block is there" "$(figures top.json stepper)" "15360 31457280 10240 20971520"

# fork's child has what it inherited and starts a peak of its own; an exec ends the parent's, the next image has another.
OUTLIVE_OPTIONS="out=$PWD/family,peak=yes" LD_PRELOAD=$LIB "$PROGS/heap_peak" family > out 2> err
is "fork and exec: nothing said" "$(cat err)" ""
while read -r process want; do
  [ -n "$want" ] || continue
  "$OUTLIVE" top --json -n 0 "family/outlive.heap_peak.$process.peak.snap" > top.json
  ok "fork and exec: within 2 % of $want" \
    jq -e --argjson want "$want" '.totals.heap.inuse_space | . >= $want * 0.98 and . <= $want * 1.02 + 70000' top.json
done < out
is "fork and exec: the next image has a file of its own" "$(ls family | grep -c 'peak-2.snap')" 1
is "fork and exec: nothing is lost" \
  "$(for snap in family/*.snap; do "$OUTLIVE" info --json "$snap" | jq -c '.audit.lost | add'; done | sort -u)" 0

# A program that we did not write, against valgrind's exact peak. The loader's own few blocks are in one of the two only.
cat > peak.sql << 'END'
CREATE TABLE t(a, b);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
  INSERT INTO t SELECT i, hex(zeroblob(100 + i % 90)) FROM n;
SELECT length(group_concat(b)) FROM (SELECT b FROM t ORDER BY b DESC, a);
DROP TABLE t;
VACUUM;
END
OUTLIVE_OPTIONS="out=$PWD/sqlite,peak=yes" LD_PRELOAD=$LIB sqlite3 :memory: '.read peak.sql' > out 2> err
"$OUTLIVE" top --json -n 0 sqlite/*.peak.snap > top.json
valgrind --tool=massif --heap-admin=0 --peak-inaccuracy=0 --massif-out-file=massif.out sqlite3 :memory: \
  '.read peak.sql' > /dev/null 2> massif.err
want=$(sed -n 's/^mem_heap_B=//p' massif.out | sort -n | tail -n 1)
note "sqlite3: $(jq .totals.heap.inuse_space top.json) of $want"
ok "sqlite3: within 2 % of massif's peak" \
  jq -e --argjson want "$want" '.totals.heap.inuse_space | . >= $want * 0.98 and . <= $want * 1.02' top.json

OUTLIVE_OPTIONS="out=$PWD/none" LD_PRELOAD=$LIB "$PROGS/heap_peak" saw > out 2> err
is "without either there is the last one only" "$(ls none | wc -l)" 1
done_testing
