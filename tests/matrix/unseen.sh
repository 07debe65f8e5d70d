#!/bin/sh
# tests/matrix/unseen.sh BUILD [PATTERN]: programs that cannot be seen into, at real work: output and status are those of a
# native run, `outlive run` says before it starts why, and afterwards that nothing was seen; the gate gives no verdict. TAP.
set -u
build=$(cd "$1" && pwd)
pattern=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
export LC_ALL=C
dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
cp "$build/outlive" "$build/liboutlive.so" "$dir"
mkdir -m 1777 "$dir/cwd"
cd "$dir/cwd" || exit 1
count=0
failed=0

# Stands before each command: setpriv, for those that change the user.
wrapper=
verdict() {
  count=$((count + 1))
  if [ -z "$2" ]; then
    echo "ok $count - $1"
    return
  fi
  echo "not ok $count - $1"
  printf '%s\n' "$2" | head -n 20 | sed 's/^/# /'
  failed=1
}

look() {
  $wrapper "$@" > native.out 2> native.err < /dev/null
  native=$?
  $wrapper "$dir/outlive" run -- "$@" > run.out 2> run.err < /dev/null
  status=$?
  [ $status = $native ] || echo "status $status, natively $native"
  cmp native.out run.out 2>&1 || cat run.err
  [ -s native.out ] || echo "it does nothing"
  grep -qE "^outlive: .*($why)" run.err || { echo "not told why:"; cat run.err; }
  grep -q 'NOTHING WAS SEEN' run.err || { echo "not told that nothing was seen:"; cat run.err; }
  $wrapper "$dir/outlive" run --check -- "$@" > check.out 2> check.err < /dev/null
  status=$?
  [ $status = 4 ] || { echo "the gate's status is $status:"; cat check.err; }
  grep -q 'no verdict' check.err || echo "no word of a verdict"
}

# row NAME WHY COMMAND...
row() {
  name=$1 why=$2
  shift 2
  case $name in *"$pattern"*) ;; *) return ;; esac
  if ! command -v "$1" > found; then
    count=$((count + 1))
    echo "ok $count - $name # SKIP $1 is not there (scripts/deps matrix)"
    return
  fi
  verdict "$name" "$(look "$@")"
}

# built NAME WHY COMPILER...: tests/matrix/jobs/small.c
built() {
  name=$1 why=$2
  shift 2
  case $name in *"$pattern"*) ;; *) return ;; esac
  "$@" -w -pthread -o "$name" "$here/jobs/small.c" > cc.log 2>&1
  row "$name" "$why" "./$name"
}

export ASAN_OPTIONS=detect_leaks=0
built musl 'for musl libc' musl-gcc
built musl-static 'linked statically' musl-gcc -static
built glibc-static 'linked statically' gcc -static
built asan 'built with AddressSanitizer' gcc -fsanitize=address
built asan-clang 'AddressSanitizer linked in' clang -fsanitize=address
built tsan 'built with ThreadSanitizer' gcc -fsanitize=thread
built tsan-clang 'built with ThreadSanitizer' clang -fsanitize=thread
built msan-clang 'built with MemorySanitizer' clang -fsanitize=memory
# shellcheck disable=SC2016
row busybox 'linked statically' busybox sh -c 'i=0; while [ $i -lt 500 ]; do i=$((i + 1)); done; echo $i; seq 1000 | sort -n | md5sum'
if command -v go > found; then
  (export GOCACHE="$dir/cache" GO111MODULE=off CGO_ENABLED=0 && mkdir g && cp "$here"/jobs/*.go g && cd g && go build -o ../go-static .) > go.log 2>&1
  MATRIX_HERE=$here row go-static 'Go program without C' ./go-static
fi
# Those that change the user, as somebody for whom they do.
if [ "$(id -u)" = 0 ]; then
  wrapper='setpriv --reuid=nobody --regid=nogroup --clear-groups'
  row setuid-mount 'is setuid' mount
  row setgid-chage 'is setgid' chage -l nobody
fi
echo "1..$count"
exit $failed
