#!/bin/sh
# The gate of the heap: what nothing points to any more, where it was made; what is reachable counts only against a base
# or a limit.
. "$(dirname "$0")/lib.sh"

gate() {
  "$OUTLIVE" run --check "$@" > out 2> err
}
verdict() {
  sed -nE 's/^outlive: check: ([a-z]+).*/\1/p' err
}

for way in none kept middle; do
  gate -- "$PROGS/check_heap" $way
  is "$way: clean" "$? $(verdict)" "0 clean"
done
gate -- "$PROGS/check_heap" lost
is "a lost block" "$?" 1
like "how many, and what" "$(cat err)" '^1\. heap lost: 1 block, 48 B - nothing points to it any more$'
like "where it was made" "$(cat err)" '^ +lose_one  check_heap\.c:[0-9]+'
gate -- "$PROGS/check_heap" list
is "a list" "$?" 1
like "its head" "$(cat err)" '^1\. heap lost: 1 block, 48 B'
like "and what hangs on it" "$(cat err)" '192 B in 4 more blocks are lost with it'
gate -- "$PROGS/check_heap" ring
is "a ring" "$? $(grep -c '^[0-9]*\. heap' err)" "1 1"
gate --heap off -- "$PROGS/check_heap" lost
is "--heap=off" "$?" 0
echo 'leak:lose_*' > lsan.supp
gate --suppressions lsan.supp -- "$PROGS/check_heap" list
is "LeakSanitizer's suppressions" "$?" 0
gate --reach off --heap lost -- "$PROGS/check_heap" none
is "no scan, no verdict" "$?" 4
like "which is told" "$(cat err)" 'no scan of its heap was asked for'
gate -- "$PROGS/check_heap" fork
is "what a child of fork has forgotten is its parent's" "$? $(verdict)" "0 clean"

gate --max-residue 1M -- "$PROGS/check_heap" much
is "a limit of bytes" "$?" 1
like "what it was" "$(cat err)" '^1\. heap residue: 1 block, 3\.1 MB - more bytes in use at the end than its limit of 1\.0 MB$'
gate --max-residue 4M -- "$PROGS/check_heap" much
is "one that holds" "$?" 0
gate --max-allocs 100 -- "$PROGS/check_heap" many
is "a limit of blocks" "$?" 1
gate --max-allocs 100 --per stack -- "$PROGS/check_heap" many
like "of each stack" "$(cat err)" '^ +make_many  check_heap\.c:'
gate --max-allocs 20000 --max-residue 4M -- sh -c '"$0" many; "$0" many' "$PROGS/check_heap"
is "limits are of each process" "$? $(verdict)" "0 clean"
gate --max-allocs 100 -- sh -c '"$0" many; "$0" many' "$PROGS/check_heap"
is "and each that exceeds one is a finding" "$(grep -c '^[0-9]*\. heap allocs' err)" 2
gate --max-peak 8M --max-residue 1M -- "$PROGS/check_heap" peak
is "a peak below its limit" "$? $(verdict)" "0 clean"
gate --max-peak 5M -- "$PROGS/check_heap" peak
is "and above" "$?" 1
like "how high it was" "$(cat err)" '^1\. heap peak: .* 6\.3 MB - more bytes in use at its peak than its limit of 5\.2 MB$'
gate --max-peak 5M --per stack -- "$PROGS/check_heap" peak
like "who made it" "$(cat err)" '^ +make_a_peak  check_heap\.c:'
gate --max-peak 1M -- "$PROGS/check_heap" much
is "where it never fell, the end is the peak" "$?" 1
gate --heap=growth -- "$PROGS/check_heap" kept
is "growth without a second snapshot gives no verdict" "$?" 4
status_is "a limit that is none" 2 "$OUTLIVE" run --check --max-residue 4X -- true

LD_PRELOAD=$LIB "$PROGS/check_heap" much
mv outlive.check_heap.*.snap a.snap
LD_PRELOAD=$LIB "$PROGS/check_heap" kept
mv outlive.check_heap.*.snap b.snap
status_is "against a base: what is more" 1 "$OUTLIVE" check --base a.snap b.snap
like "where it was made" "$(cat out)" '^ +(keep|chain_new)  check_heap\.c:'
unlike "and not what is less" "$(cat out)" 'make_much'
status_is "growth alone" 1 "$OUTLIVE" check --heap=growth --threads=off --base a.snap b.snap
like "is what is found" "$(tail -n 1 out)" 'leaks: [0-9]+ findings? \(5 blocks\)'
status_is "against itself: nothing" 0 "$OUTLIVE" check --heap=growth --base b.snap b.snap
status_is "growth without a base" 4 "$OUTLIVE" check --heap=growth b.snap
done_testing
