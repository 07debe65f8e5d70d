#!/bin/sh
# Entry points that only some allocators have: counted once and to the byte where they are there, and nowhere else does
# a program come to believe that they are.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

# A line a function: what call_NAME has made, and what is live of it.
for family in mimalloc tcmalloc; do
  profiled $family "$PROGS/family_$family"
  is "$family's functions do what they do natively" "$status $(cat $family.err $family.out)" "0 $("$PROGS/family_$family")"
  top $family
  lines=$(wc -l < $family.out)
  ok "there are functions of $family" [ "$lines" -gt 20 ]
  while read -r name want; do
    [ "$(figures top.json "call_$name")" = "$want" ] || echo "$name: $(figures top.json "call_$name"), want $want"
  done < $family.out > differ
  is "each of $family's functions is counted once, to the byte" "$(cat differ)" ""
  is "$family: no free of an unknown block" "$(jq .audit.unknown_frees top.json)" 0
done

profiled jemalloc "$PROGS/family_jemalloc"
is "jemalloc's functions do what they do natively" "$status $(cat jemalloc.err jemalloc.out)" "0 "
top jemalloc
is "mallocx" "$(figures top.json je_kept)" "100 2400 100 2400"
is "mallocx with flags, sdallocx" "$(figures top.json je_zero_aligned)" "10 1000 0 0"
is "dallocx" "$(figures top.json je_dropped)" "10 400 0 0"
is "rallocx is one free and one allocation" "$(figures top.json je_resized)" "2 4040 1 4000"
is "xallocx counts where it did resize" "$(figures top.json je_expanded)" "2 88 1 40"
is "blocks of one family, given back by the other" "$(figures top.json je_crossed)" "20 4000 0 0"
is "jemalloc: no free of an unknown block" "$(jq .audit.unknown_frees top.json)" 0

# `if (mallocx)` is how programs ask whether they run on jemalloc.
weak=$PROGS/family_weak
library=$PROGS/family_weak_so.so
profiled plain "$weak" "$library"
is "no allocator's functions appear where there is none" "$(cat plain.out plain.err)" "own 0 library 0 dlsym 0"
top plain
is "free_sized, free_aligned_sized and cfree free" "$(figures top.json freed_by_size)" "30 2780 0 0"
for name in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
  other=$(find /usr/lib/x86_64-linux-gnu -name $name | head -n 1)
  native=$(LD_PRELOAD=$other "$weak" "$library")
  mkdir -p first second
  OUTLIVE_OPTIONS="out=$PWD/first" LD_PRELOAD="$LIB $other" "$weak" "$library" > got 2>&1
  is "ours, then $name: it is found as it is natively" "$(cat got)" "$native"
  top first
  is "ours, then $name: all is seen" "$(figures top.json freed_by_size)" "30 2780 0 0"
  OUTLIVE_OPTIONS="out=$PWD/second" LD_PRELOAD="$other $LIB" "$weak" "$library" > got 2>&1
  is "$name before ours: the program is unharmed" "$(cat got)" "$native"
  like "$name before ours: said to be not seen" "$("$OUTLIVE" top "$(last_snap second)" 2>&1)" "NOT SEEN.*$name"
  rm -r first second
done

cat > small.c << 'C'
#include <stdlib.h>
void *(*volatile allocate)(size_t) = malloc;
__attribute__((noinline)) void kept(void) { for (int i = 0; i < 10; i++) *(void *volatile *)allocate(50) = 0; }
int main(void) { kept(); return 0; }
C
# At a fixed address, malloc's own address is a jump in the program: that is no malloc of its own.
cc -O0 -g -fno-builtin -no-pie -o fixed small.c
profiled at_fixed ./fixed
top at_fixed
is "a program at a fixed address is seen" "$(figures top.json kept)" "10 500 10 500"
unlike "and nothing else is said" "$("$OUTLIVE" top "$(last_snap at_fixed)" 2>&1)" "NOT SEEN"
# An allocator linked in stands before everybody.
if cc -O0 -g -fno-builtin -o inside small.c -l:libjemalloc.a -lm -lpthread -lstdc++ 2> cc.log; then
  "$OUTLIVE" run ./inside > run.out 2> run.err
  unlike "an allocator in the program: run speaks of no figures" "$(cat run.err)" "live at exit"
  like "and its snapshot says that the heap is not seen" "$("$OUTLIVE" top "$(snaps . inside)" 2>&1)" "NOT SEEN: malloc is that of .*inside"
else
  note "$(cat cc.log)"
  result 1 "a program with jemalloc in it can be built"
fi

for name in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
  other=$(find /usr/lib/x86_64-linux-gnu -name $name | head -n 1)
  mkdir -p python
  OUTLIVE_OPTIONS="out=$PWD/python" PYTHONMALLOC=malloc LD_PRELOAD="$LIB $other" /usr/bin/python3 -c '
kept = [bytes(1000 + i) for i in range(1000)]
print(sum(map(len, kept)))' > got 2>&1
  is "python3 on $name" "$(cat got)" 1499500
  top python
  is "no free of an unknown block there, and nothing lost" \
    "$(jq -c '[.audit.unknown_frees, .audit.unseen_frees, .audit.lost_reentrant // 0, .audit.lost_no_memory // 0]' top.json)" "[0,0,0,0]"
  rm -r python
done
done_testing
