#!/bin/sh
# tests/portability/rootfs.sh DIR [SUITE]: another Debian (trixie) in DIR, with what outlive is built and its core tests are
# run with, by debootstrap; as root. Its /proc, /dev/shm and /dev/pts are mounted: `rootfs.sh --unmount DIR` undoes that.
set -eu
mounts="proc dev/shm dev/pts"
if [ "$1" = --unmount ]; then
  for m in $mounts; do umount "$2/$m"; done
  exit
fi
dir=$1
suite=${2:-trixie}
[ -e "$dir/etc/debian_version" ] || debootstrap --variant=minbase "$suite" "$dir" http://deb.debian.org/debian
mkdir -p "$dir/dev/shm" "$dir/dev/pts"
for m in $mounts; do
  mountpoint -q "$dir/$m" && continue
  if [ "$m" = proc ]; then mount -t proc proc "$dir/proc"; else mount --bind "/$m" "$dir/$m"; fi
done
export DEBIAN_FRONTEND=noninteractive
mkdir -p "$dir/tmp"
cp "$(dirname "$0")/../../scripts/deps" "$dir/tmp/outlive-deps"
chroot "$dir" apt-get update -qq
chroot "$dir" /tmp/outlive-deps build
# Of what all tests need, what the core's do: the rest has other names from one Debian to the next.
chroot "$dir" apt-get install -y -qq --no-install-recommends perl jq procps python3 valgrind gdb strace sqlite3 \
  redis-tools util-linux libc6-dbg libjemalloc-dev libgoogle-perftools-dev libmimalloc-dev
