#!/bin/sh
# tests/race/planted.sh BUILD: do the tables' tests find a race? Locks are taken out of the tables, one at a time, and their
# tests run under the thread sanitizer, as `make race` runs them: each must fail. TAP.
export OUTLIVE_BUILD="$1"
. "$(dirname "$0")/../e2e/lib.sh"
need make gcc
unset MAKEFLAGS MAKELEVEL MFLAGS
race=$O/race
[ -x "$race/tests/unit/track_test" ] || { echo "1..0 # SKIP no build for the thread sanitizer (make race-bins)"; exit 0; }

# command SOURCE TARGET: as make builds it there.
command_for() {
  make -s --no-print-directory -n -C "$ROOT" -W "$1" V=1 O="$race" CFLAGS='-fsanitize=thread -Wno-tsan' \
    CPPFLAGS='-DOWN_BASE=0x7e9000000000ul -DOWN_END=0x7ea000000000ul -DSYS_FIXED=0x7ea000000000ul' "$2" |
    sed ':a; /\\$/ { N; s/\\\n//; ba }' | grep -- "-o $2" | tail -n 1
}

# planted NAME SOURCE SED TEST: the source, changed, linked before the archive that has it as it is.
planted() {
  name=$1 source=$2 change=$3 test=$4
  object=$race/obj/${source%.c}.o
  sed "$change" "$ROOT/$source" > planted.c
  ok "$name: it is planted" sh -c '! cmp -s "$1" planted.c' sh "$ROOT/$source"
  compile=$(command_for "$source" "$object" | sed "s| $source\$| -I$ROOT/preload $dir/planted.c|; s|-o $object|-o $dir/planted.o|; s|-Werror|-w|")
  link=$(command_for "tests/unit/$test.c" "$race/tests/unit/$test" |
    sed "s|-o $race/tests/unit/$test|-o $dir/planted|; s| tests/unit/$test.c| tests/unit/$test.c $dir/planted.o|")
  ok "$name: it is built" sh -c "cd '$ROOT' && $compile && $link" || return
  TSAN_OPTIONS=exitcode=66:halt_on_error=1 timeout 250 ./planted > said 2>&1
  status=$?
  ok "$name: $test fails" [ $status -ne 0 ]
  like "$name: and says why" "$(cat said)" 'data race|^not ok'
  rm -f planted planted.o
}

planted "the pool of the live table without its lock" preload/live_store.c '/lock(&g_pool_lock);/d' live_test
planted "contexts that are leased without a lock" preload/context.c '/^COLD struct ctx \*context_lease/,/^}/ { /lock(&g_lock);/d }' track_test
done_testing
