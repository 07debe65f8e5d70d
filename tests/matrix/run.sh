#!/bin/sh
# tests/matrix/run.sh BUILD [PATTERN]: programs of tests/matrix/programs, plain and profiled. Output and status must be
# equal, every snapshot must load, and what it says itself that it missed must be nothing. TAP by prove, one test a program.
# A program finds agree.sh in $MATRIX_HERE. What a row that failed has printed and left stays in BUILD/matrix/NAME: native.out,
# native.err, profiled.out, profiled.err, snaps, and the folder that it ran in. MATRIX_LIMIT (900): seconds for each run.
set -eu
if [ "${2:-}" != one ]; then
  build=$(cd "$1" && pwd)
  pattern=${2:-}
  cd "$(dirname "$0")/../.."
  MATRIX_BUILD=$build MATRIX_PATTERN=$pattern exec prove -e "timeout 10000 sh" tests/matrix/run.sh :: "$build" one
fi

here=$(cd "$(dirname "$0")" && pwd)
build=$MATRIX_BUILD
limit=${MATRIX_LIMIT:-900}
export MATRIX_HERE="$here"
unset MATRIX_PROFILED
export LC_ALL=C
dir=$(mktemp -d)
# Some programs change their user.
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
# Variables of a make's command line are in the environment: programs that compile would take them.
unset CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS MAKEFLAGS MFLAGS MAKELEVEL
tab=$(printf '\t')
count=0
failed=0

# attempt WHERE COMMAND: in an empty folder of a name that is the same for all
attempt() {
  rm -rf "$dir/cwd"
  mkdir "$dir/cwd"
  status=0
  (cd "$dir/cwd" && timeout "$limit" sh -c "$2" > "$dir/$1.out" 2> "$dir/$1.err" < /dev/null) || status=$?
  echo $status >> "$dir/$1.out"
  [ $status != 124 ] || echo "ended by the matrix after $limit s" >> "$dir/$1.err"
}

verdict() {
  count=$((count + 1))
  if [ -z "$2" ]; then
    echo "ok $count - $1"
  else
    echo "not ok $count - $1"
    printf '%s\n' "$2" | head -n 20 | sed 's/^/# /'
    keep "$1"
    failed=1
  fi
}

# What explains it, when nobody sees it happen again.
keep() {
  [ -e "$dir/native.out" ] || return 0
  kept=$build/matrix/$1
  rm -rf "$kept"
  mkdir -p "$kept"
  for what in native.out native.err profiled.out profiled.err snaps cwd; do
    cp -a "$dir/$what" "$kept" 2> "$dir/keep.err" || true
  done
  echo "# all of it is in $kept"
}

compare() {
  grep -h '^ended by the matrix' "$dir/native.err" "$dir/profiled.err" || true
  cmp -s "$dir/native.out" "$dir/profiled.out" || { echo "stdout or status differ:"; diff "$dir/native.out" "$dir/profiled.out"; }
  cmp -s "$dir/native.err" "$dir/profiled.err" || { echo "stderr differs:"; diff "$dir/native.err" "$dir/profiled.err"; }
  found=0
  for snap in "$dir"/snaps/*.snap; do
    [ -e "$snap" ] || continue
    found=$((found + 1))
    "$build/outlive" top -n 1 "$snap" > /dev/null 2> "$dir/load.err" || { echo "$snap:"; cat "$dir/load.err"; }
  done
  if [ $found = 0 ]; then echo "no snapshot was written"; return; fi
  /usr/bin/python3 "$here/tables.py" audit "$1" "$dir"/snaps/*.snap 2>&1
}

# What holds the tables against /proc must be able to fail: it says nothing of a process and its own snapshot, and tells what
# differs between that and another process.
teeth() {
  OUTLIVE_OPTIONS="out=$dir/teeth" LD_PRELOAD=$build/liboutlive.so sleep 1000 7< /dev/null >> "$dir/teeth.sleep" 2>&1 &
  one=$!
  sleep 1000 8< /dev/null >> "$dir/teeth.sleep" 2>&1 &
  other=$!
  # It has to have got as far as being a program with the library.
  until "$build/outlive" snapshot $one > "$dir/teeth.out" 2>&1; do
    kill -0 $one || break
    sleep 0.1
  done
  MATRIX_PROFILED=1 sh "$here/agree.sh" $one || echo "it cannot be held against /proc"
  /usr/bin/python3 "$here/tables.py" held "$(tail -n 1 "$dir/teeth.out")" $other > "$dir/teeth.told" 2>&1 || true
  printf '%s\n' 'fds: 8 is in /proc and not in the table: /dev/null' 'fds: 7 is in the table and not in /proc' \
    "threads: $other is in /proc and not in the table" "threads: $one is in the table and not in /proc" |
    diff - "$dir/teeth.told" || true
  kill $one $other
  wait $one $other 2> "$dir/teeth.err" || true
}

mkdir "$dir/teeth"
verdict "tables that are not so are told" "$(teeth 2>&1)"

grep -v '^#' "$here/programs" > "$dir/list"
while IFS="$tab" read -r name package may command; do
  case $name in *"$MATRIX_PATTERN"*) ;; *) continue ;; esac
  if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null)" != installed ]; then
    count=$((count + 1))
    echo "ok $count - $name # SKIP $package is not installed (scripts/deps matrix)"
    continue
  fi
  rm -rf "$dir/snaps"
  mkdir -m 1777 "$dir/snaps"
  attempt native "$command"
  attempt profiled "export MATRIX_PROFILED=1 LD_PRELOAD='$build/liboutlive.so' OUTLIVE_OPTIONS='out=$dir/snaps'; $command"
  verdict "$name" "$(compare "$may")"
done < "$dir/list"
[ $count -gt 1 ] || verdict "a program whose name holds '$MATRIX_PATTERN'" none
echo "1..$count"
exit $failed
