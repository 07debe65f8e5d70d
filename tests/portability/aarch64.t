#!/bin/sh
# On another processor: liboutlive.so and outlive built for aarch64, both run by qemu. OUTLIVE_BUILD is that build, SYSROOT
# where Debian's libraries for it are (sysroot.sh). What qemu's user mode has no answer for is not asked: ptrace, a
# child that shares memory but is no thread (the snapshot is written in place), other threads' registers.
. "$(dirname "$0")/../e2e/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/arch.sh"
need jq qemu-aarch64

qemu() {
  qemu-aarch64 -L "$SYSROOT" "$@"
}

profiled() {
  into=$1
  shift
  mkdir -p "$into"
  # qemu takes a comma for the end of a variable.
  OUTLIVE_OPTIONS=out=$PWD/$into${options:-} qemu -E "LD_PRELOAD=$LIB" "$@" > "$into.out" 2> "$into.err"
  status=$?
}

# The analyzer of that processor, too.
printf '#!/bin/sh\nexec qemu-aarch64 -L "%s" "%s" "$@"\n' "$SYSROOT" "$OUTLIVE" > outlive
chmod +x outlive
OUTLIVE=$PWD/outlive

for threads in 1 8; do
  profiled "t$threads" "$PROGS/heap_exact" $threads
  is "the program ends well, $threads thread(s)" "$status $(cat t$threads.out t$threads.err)" "0 "
  ok "its snapshot loads" top t$threads
  exact_functions $threads
  is "nothing was lost, $threads thread(s)" "$(jq -c '.audit.lost | add // 0' top.json)" 0
  is "no free of an unknown block, $threads thread(s)" "$(jq .audit.unknown_frees top.json)" 0
done

# Here C alone decides what is passed over.
options=,sample=1 profiled sampled "$PROGS/heap_exact" 1
ok "in sampled mode, too" top sampled
exact_functions 1

frames_hold

qemu "$PROGS/heap_odd" > native.out 2>&1
profiled odd "$PROGS/heap_odd"
is "odd calls: the status is the same" $status 0
is "odd calls: what the caller sees is the same" "$(cat odd.out odd.err)" "$(cat native.out)"

# Half of what it made is lost; but who cannot be right about that must not say that all is well.
options=,reach=exit profiled lost "$PROGS/heap_exact" 1
status_is "no verdict on lost blocks" 4 "$OUTLIVE" check "$(last_snap lost)"
like "and why" "$(cat out err)" 'known of x86-64 alone'
status_is "stacks of a running process are not read" 3 "$OUTLIVE" stacks $$
like "which is told" "$(cat out err)" 'not read on aarch64'

like "it says which processor it is of" "$("$OUTLIVE" info "$(last_snap odd)")" 'processor +aarch64'
done_testing
