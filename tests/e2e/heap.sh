# shellcheck shell=sh
# heap.sh - for heap_*.t and real_*.t, after lib.sh: what a snapshot says of a function, of a whole process.
#
#   profiled DIR COMMAND...      runs it under outlive; its snapshots go to DIR, its output to DIR.out and DIR.err,
#                                status in $status
#   last_snap DIR                the newest snapshot there
#   top DIR                      its whole table, into top.json
#   figures FILE FUNCTION        "alloc_objects alloc_space inuse_objects inuse_space" of the rows whose stack holds it
#   totals FILE                  the same of the whole heap
#   rank FILE FUNCTION           rank of its first row; "none"
#   outlive_sees                 "allocations frees bytes" of top.json; valgrind_sees COMMAND...: of valgrind's summary
#   driven COMMAND...            starts a program that waits for us (prog_wait): $pid; say LINE, hear WORD
#   exact_functions THREADS      what heap_exact does in each function is what top.json says of it
#   snapshot_now                 one more snapshot of $pid: its path in $snap

profiled() {
  into=$1
  shift
  mkdir -p "$into"
  OUTLIVE_OPTIONS="out=$PWD/$into" LD_PRELOAD=$LIB "$@" > "$into.out" 2> "$into.err"
  status=$?
}

last_snap() {
  snaps "$1" | tail -n 1
}

top() {
  "$OUTLIVE" top --json -n 0 "$(last_snap "$1")" > top.json
}

figures() {
  jq -r --arg f "$2" '[.rows[] | select(any(.stack[]; .function == $f))] |
    map([.alloc_objects, .alloc_space, .inuse_objects, .inuse_space]) |
    (transpose | map(add)) as $sum | if length == 0 then "0 0 0 0" else ($sum | join(" ")) end' "$1"
}

totals() {
  jq -r '.totals.heap | [.alloc_objects, .alloc_space, .inuse_objects, .inuse_space] | join(" ")' "$1"
}

# Of one thread: FUNCTION:allocations:bytes:live blocks:live bytes.
exact_functions() {
  for row in exact_malloc:1000:100000:500:50000 exact_calloc:1000:21000:1000:21000 exact_malloc_zero:100:0:100:0 \
    exact_realloc_first:200:2000:0:0 exact_realloc_grow:800:30000:200:16000 exact_realloc_null:100:3300:100:3300 \
    exact_realloc_zero:100:5000:0:0 exact_realloc_fail:100:700:100:700 exact_reallocarray:100:4500:100:4500 \
    exact_posix_memalign:100:20000:100:20000 exact_aligned_alloc:100:12800:0:0 exact_memalign:100:7700:100:7700 \
    exact_valloc:10:3000:10:3000 exact_pvalloc:10:3000:10:3000 exact_strdup:100:1200:100:1200 \
    exact_big:3:12582912:1:4194304 exact_refused:0:0:0:0; do
    IFS=: read -r function allocs bytes blocks live << END
$row
END
    is "$function, $1 thread(s)" "$(figures top.json "$function")" \
      "$((allocs * $1)) $((bytes * $1)) $((blocks * $1)) $((live * $1))"
  done
}

rank() {
  jq -r --arg f "$2" '[.rows[] | select(any(.stack[]; .function == $f)) | .rank] | min // "none"' "$1"
}

outlive_sees() {
  jq -r '.totals.heap | "\(.alloc_objects) \(.alloc_objects - .inuse_objects) \(.alloc_space)"' top.json
}

# Without what valgrind itself frees at the end, in libc's name. It sets LD_LIBRARY_PATH=/usr/lib/debug itself.
valgrind_sees() {
  env -u LD_LIBRARY_PATH valgrind --run-libc-freeres=no --run-cxx-freeres=no --log-file=valgrind.log "$@" > /dev/null 2>&1
  tr -d , < valgrind.log |
    sed -n 's/.*total heap usage: \([0-9]*\) allocs \([0-9]*\) frees \([0-9]*\) bytes.*/\1 \2 \3/p' | head -n 1
}

driven() {
  rm -f to_program
  mkfifo to_program
  # Opened for both ends, so that neither side waits for the other. The program must not have the writing end.
  exec 9<> to_program
  # A background command of sh reads /dev/null, hence the shell between.
  # shellcheck disable=SC2016
  background sh -c 'exec 9>&- < to_program; export LD_PRELOAD="$0"; exec "$@"' "$LIB" "$@"
}

hear() {
  wait_for grep -qx "$1" "$pid.log"
}

say() {
  echo "$1" >&9
}

snapshot_now() {
  snap=$("$OUTLIVE" snapshot "$pid" 2> snapshot.err | tail -n 1)
  [ -s "$snap" ] && return
  note "outlive snapshot $pid gave '$snap': $(cat snapshot.err)"
  return 1
}
