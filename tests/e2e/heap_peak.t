#!/bin/sh
# peak=yes keeps the highest moment, within 2 %, whichever way the heap comes down; growth= writes as it rises.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

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
# 20 MB in steps of 1: at 4, 8, 12, 16, 20; or fewer where one is still being written when the next is due.
ok "growth by size: a snapshot every so often" [ "$(grep -c growth written)" -ge 3 ]
ok "and not more often" [ "$(grep -c growth written)" -le 5 ]
OUTLIVE_OPTIONS="out=$PWD/percent,growth=50%,keep=0" LD_PRELOAD=$LIB "$PROGS/heap_peak" steps > out 2> err
n=$(for snap in $(snaps percent); do /usr/bin/python3 "$ROOT/tests/e2e/snapinfo.py" "$snap"; done | grep -c growth)
ok "growth by percentage: from 1 MB to 20 MB by half each time ($n)" [ "$n" -ge 3 -a "$n" -le 8 ]
OUTLIVE_OPTIONS="out=$PWD/none" LD_PRELOAD=$LIB "$PROGS/heap_peak" saw > out 2> err
is "without either there is the last one only" "$(ls none | wc -l)" 1
done_testing
