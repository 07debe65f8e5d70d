#!/bin/sh
# tests/portability/run.sh BUILD [PATTERN]: the whole, built by other compilers and at other levels, each into a folder
# of its own below BUILD, and the core of the end-to-end tests with what came out. TAP by prove.
# ROOTFS=DIR: once more inside DIR, another Debian as rootfs.sh makes it. SYSROOT=DIR: for aarch64, with Debian's libraries
# as sysroot.sh fetches them, and run by qemu.
set -u
build=$(mkdir -p "$1" && cd "$1" && pwd)
pattern=${2:-}
cd "$(dirname "$0")/../.." || exit 1
core="arch_frames heap_exact heap_odd fd_births thread_odd proc_end proc_fork check_status snapshot_live"
tests=$(for name in $core; do echo "tests/e2e/$name.t"; done)
failed=0

# variant NAME MAKE-ARGUMENT...
variant() {
  name=$1
  shift
  case $name in *"$pattern"*) ;; *) return ;; esac
  echo "# $name"
  if ! make -s -j"$(nproc)" O="$build/$name" "$@" all progs > "$build/$name.log" 2>&1; then
    tail -n 20 "$build/$name.log"
    failed=1
    return
  fi
  # shellcheck disable=SC2086
  OUTLIVE_BUILD=$build/$name prove -j"$(nproc)" -e 'timeout 300' $tests || failed=1
}

# For another processor: built here, run by qemu.
crossed() {
  case aarch64 in *"$pattern"*) ;; *) return ;; esac
  [ -n "${SYSROOT:-}" ] || return
  SYSROOT=$(cd "$SYSROOT" && pwd)
  echo "# aarch64 $SYSROOT"
  cross=aarch64-linux-gnu- into=$build/aarch64
  if ! make -s -j"$(nproc)" O="$into" CC="${cross}gcc --sysroot=$SYSROOT" NM=${cross}nm \
    all "$into/tests/progs/heap_exact" "$into/tests/progs/heap_odd" "$into/tests/progs/arch_frames" > "$into.log" 2>&1; then
    tail -n 20 "$into.log"
    failed=1
    return
  fi
  OUTLIVE_BUILD=$into SYSROOT=$SYSROOT prove -e 'timeout 300' tests/portability/aarch64.t || failed=1
}

variant clang CC=clang CXX=clang++
variant gcc-O0 CC=gcc CFLAGS=-O0
variant gcc-O3-flto CC=gcc CFLAGS='-O3 -flto=auto' LDFLAGS='-O3 -flto=auto'
crossed

case rootfs in *"$pattern"*)
  if [ -n "${ROOTFS:-}" ] && [ ! -e "$ROOTFS/proc/self" ]; then
    echo "rootfs $ROOTFS: /proc is not mounted in it (tests/portability/rootfs.sh $ROOTFS)" >&2
    failed=1
  elif [ -n "${ROOTFS:-}" ]; then
    echo "# rootfs $ROOTFS"
    rm -rf "$ROOTFS/tmp/outlive-source"
    mkdir -p "$ROOTFS/tmp/outlive-source"
    git archive HEAD | tar x -C "$ROOTFS/tmp/outlive-source"
    chroot "$ROOTFS" sh -c "cd /tmp/outlive-source && make -s -j$(nproc) all progs > log 2>&1 || { tail -n 20 log; exit 1; }
      CI=true prove -j$(nproc) -e 'timeout 300' $(echo $tests)" || failed=1
  fi
  ;;
esac
exit $failed
