#!/bin/sh
# Memory that the program maps itself: a kind of its own, to the byte, whatever cuts it; never what an allocator maps.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

maps() {
  jq -r --arg f "$1" '[.rows[] | select(.kind == "mmap") | select(any(.stack[]; .function == $f))] |
    map([.alloc_objects, .alloc_space, .inuse_objects, .inuse_space]) |
    (transpose | map(add)) as $sum | if length == 0 then "none" else ($sum | join(" ")) end' top.json
}

OUTLIVE_OPTIONS="out=$PWD/map,follow=no" LD_PRELOAD=$LIB "$PROGS/map_odd" > map.out 2> map.err
is "the program sees what it sees natively" "$? $(cat map.out map.err)" "0 "
top map
is "mmap counts whole pages, shared ones too" "$(maps map_kept)" "11 126976 11 126976"
is "munmap" "$(maps map_gone)" "10 81920 0 0"
is "munmap of both ends" "$(maps map_aligned)" "1 65536 1 32768"
# 1, to 64, to 2 pages; then over another of 2.
is "mremap is one end and one birth; one that fails is none" "$(maps map_moved)" "5 290816 1 8192"
is "MAP_FIXED over a reservation ends that part of it" "$(maps map_under_fixed)" "1 32768 1 24576"
is "and is a mapping of its own" "$(maps map_fixed)" "1 8192 1 8192"
is "files are not counted" "$(maps map_file)" none
is "nor what fails" "$(maps map_refused)" none
is "brk and sbrk" "$(maps map_break)" "2 12000 1 1000"
is "malloc's own mappings are the heap's" "$(maps map_by_malloc) $(figures top.json map_by_malloc)" \
  "none 1 52428800 1 52428800"
is "a child's unmapping is the child's" "$(maps map_in_child)" "1 4096 1 4096"
is "no mapping is lost" "$(jq .audit.lost.maps top.json)" 0

# Allocators map on their own account: within malloc, and in operator new, which no guard of ours is held over.
for name in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
  other=$(find /usr/lib/x86_64-linux-gnu -name $name | head -n 1)
  mkdir -p $name
  OUTLIVE_OPTIONS="out=$PWD/$name" LD_PRELOAD="$LIB $other" "$PROGS/heap_new" > out 2> err
  top $name
  is "$name's own mappings are not the program's" "$(jq -c '.totals.mmap // {} | .alloc_objects // 0' top.json)" 0
done

OUTLIVE_OPTIONS="out=$PWD/off,families=heap" LD_PRELOAD=$LIB "$PROGS/map_odd" > out 2> err
top off
is "families=heap: no mappings" "$(jq '[.rows[] | select(.kind == "mmap")] | length' top.json)" 0
is "families=heap: the heap is there" "$(figures top.json map_by_malloc)" "1 52428800 1 52428800"
OUTLIVE_OPTIONS="out=$PWD/only,families=mmap" LD_PRELOAD=$LIB "$PROGS/map_odd" > out 2> err
top only
is "families=mmap: no heap" "$(totals top.json)" "0 0 0 0"
is "families=mmap: mappings are there" "$(maps map_gone)" "10 81920 0 0"
done_testing
