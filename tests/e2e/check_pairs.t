#!/bin/sh
# The proof of the gate: pairs of programs that leak and do not leak, over the ways of C, C++ and POSIX. Each bad one is
# found, with its function; each good one passes; and what valgrind's memcheck proves to be lost, or open, is found, too.
. "$(dirname "$0")/lib.sh"
need valgrind timeout

# The report's words for a kind.
title() {
  case $1 in
    heap) echo '^[0-9]+\. heap (lost|indirect): ' ;;
    *) echo "^[0-9]+\\. $1 [a-z]+: " ;;
  esac
}

# one PROGRAM CASE KIND
one() {
  timeout -k 5 100 "$OUTLIVE" run --check -- "$PROGS/$1" bad "$2" > bad.out 2> bad.err
  status=$?
  if [ $status = 1 ] && grep -qE "$(title "$3")" bad.err && grep -qE "^ +$2[a-z_]*[ (:]" bad.err; then
    result 0 "$1 $2: bad is found"
    echo "$2" >> found
  else
    result 1 "$1 $2: bad is found, $3, in $2"
    note "status $status: $(head -n 12 bad.err)"
  fi
  timeout -k 5 100 "$OUTLIVE" run --check -- "$PROGS/$1" good "$2" > good.out 2> good.err
  status=$?
  [ $status = 0 ] && grep -q '^outlive: check: clean: ' good.err
  result $? "$1 $2: good passes" || note "status $status: $(head -n 12 good.err)"
  rm -rf outlive-check.*
}

# proven PROGRAM WHICH: cases of which memcheck shows a block that is definitely lost, or a descriptor that was opened in
# them and is open, one a line.
proven() {
  rm -f vg.*
  timeout -k 5 300 valgrind -q --run-libc-freeres=no --leak-check=full --show-leak-kinds=definite --track-fds=yes --num-callers=30 \
    --log-file=vg.%p "$PROGS/$1" "$2" all > vg_out 2>&1
  cat vg.* > "memcheck.$2"
  "$PROGS/$1" list | cut -d ' ' -f 1 > names
  # A record is a line that says what, and its frames; the frame of a case tells which.
  awk 'NR == FNR { known[$1] = 1; next }
    / definitely lost / || /Open .*[0-9]+:/ { on = 1; next }
    !/^==[0-9]+==    (at|by) / { on = 0; next }
    on { line = $0; sub(/^[^:]*: /, "", line); sub(/[ (].*/, "", line); if (line in known) print line }' names "memcheck.$2" | sort -u
}

: > found
pairs=0
for program in pairs_heap pairs_libc pairs_posix pairs_cxx; do
  "$PROGS/$program" list > list
  while read -r name kind; do
    pairs=$((pairs + 1))
    one $program "$name" "$kind"
  done < list
  sort -u found > found.sorted
  proven $program bad > proven.bad
  note "$program: memcheck proves $(wc -l < proven.bad) of $(wc -l < list) to leak"
  [ -s proven.bad ]
  result $? "$program: memcheck proves some"
  is "$program: nothing that memcheck proves is missed" "$(comm -23 proven.bad found.sorted)" ""
  is "$program: of the good ones memcheck accuses none" "$(proven $program good)" ""
done
[ "$pairs" -ge 125 ]
result $? "at least 125 pairs: $pairs"
done_testing
