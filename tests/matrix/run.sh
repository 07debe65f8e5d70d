#!/bin/sh
# tests/matrix/run.sh BUILD [PATTERN]: programs of tests/matrix/programs, plain and profiled. Output and status must be
# equal, and every snapshot must load. TAP by prove, one test a program.
set -eu
if [ "${2:-}" != one ]; then
  build=$(cd "$1" && pwd)
  pattern=${2:-}
  cd "$(dirname "$0")/../.."
  MATRIX_BUILD=$build MATRIX_PATTERN=$pattern exec prove -e "timeout 1800 sh" tests/matrix/run.sh :: "$build" one
fi

here=$(cd "$(dirname "$0")" && pwd)
build=$MATRIX_BUILD
export MATRIX_HERE="$here"
export LC_ALL=C
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
tab=$(printf '\t')
count=0
failed=0

# attempt WHERE COMMAND: in an empty folder of a name that is the same for all
attempt() {
  rm -rf "$dir/cwd"
  mkdir "$dir/cwd"
  status=0
  (cd "$dir/cwd" && timeout 120 sh -c "$2" > "$dir/$1.out" 2> "$dir/$1.err" < /dev/null) || status=$?
  echo $status >> "$dir/$1.out"
}

verdict() {
  count=$((count + 1))
  if [ -z "$2" ]; then
    echo "ok $count - $1"
  else
    echo "not ok $count - $1"
    printf '%s\n' "$2" | head -n 20 | sed 's/^/# /'
    failed=1
  fi
}

compare() {
  cmp -s "$dir/native.out" "$dir/profiled.out" || { echo "stdout or status differ:"; diff "$dir/native.out" "$dir/profiled.out"; }
  cmp -s "$dir/native.err" "$dir/profiled.err" || { echo "stderr differs:"; diff "$dir/native.err" "$dir/profiled.err"; }
  found=0
  for snap in "$dir"/snaps/*.snap; do
    [ -e "$snap" ] || continue
    found=$((found + 1))
    "$build/outlive" top -n 1 "$snap" > /dev/null 2> "$dir/load.err" || { echo "$snap:"; cat "$dir/load.err"; }
  done
  [ $found -gt 0 ] || echo "no snapshot was written"
}

grep -v '^#' "$here/programs" > "$dir/list"
while IFS="$tab" read -r name package command; do
  case $name in *"$MATRIX_PATTERN"*) ;; *) continue ;; esac
  if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null)" != installed ]; then
    count=$((count + 1))
    echo "ok $count - $name # SKIP $package is not installed (scripts/deps matrix)"
    continue
  fi
  rm -rf "$dir/snaps"
  mkdir "$dir/snaps"
  attempt native "$command"
  attempt profiled "export LD_PRELOAD='$build/liboutlive.so' OUTLIVE_OPTIONS='out=$dir/snaps'; $command"
  verdict "$name" "$(compare)"
done < "$dir/list"
[ $count -gt 0 ] || verdict "a program whose name holds '$MATRIX_PATTERN'" none
echo "1..$count"
exit $failed
