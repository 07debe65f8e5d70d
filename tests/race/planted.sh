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
  # Where threads seldom run at the same moment a race may not happen.
  for try in 1 2 3; do
    TSAN_OPTIONS=exitcode=66:halt_on_error=1 timeout 250 ./planted > said 2>&1
    status=$?
    [ $status = 0 ] || break
  done
  note "run $try"
  ok "$name: $test fails" [ $status -ne 0 ]
  like "$name: and says why" "$(cat said)" 'data race|^not ok'
  rm -f planted planted.o
}

planted "the pool of the live table without its lock" preload/live_store.c '/lock(&g_pool_lock);/d' live_test
planted "the growth of a span without its lock" preload/live.c '/^static COLD bool grow(/,/^}/ { /lock(lock);/d }' live_growth_test
planted "the directory of the live table without its lock" preload/live_store.c '/lock(&g_region_lock);/d' live_growth_test
planted "contexts that are leased without a lock" preload/context.c '/^COLD struct ctx \*context_lease/,/^}/ { /lock(&g_lock);/d }' track_test
planted "the tree of stacks without its lock" preload/stack_tree.c '/lock(&g_lock);/d' stack_tree_test
# The table of descriptors has no lock: what is one step there is made two.
planted "a descriptor's end in two steps" preload/track_fd.c \
  's/__atomic_exchange_n(&s->word, 0, __ATOMIC_ACQ_REL)/({ uint64_t w = s->word; __atomic_store_n(\&s->word, 0, __ATOMIC_RELEASE); w; })/' lifetimes_test
planted "a descriptor's birth in two steps, without what the sanitizer sees" preload/track_fd.c \
  's/__atomic_exchange_n(&s->word, WORD(stack, kind, flags, g), __ATOMIC_ACQ_REL)/track_fd_birth(fd)); __atomic_store_n(\&s->word, WORD(stack, kind, flags, g), __ATOMIC_RELEASE/' lifetimes_test
planted "a part of the table of descriptors that is put over another's" preload/track_fd.c \
  's/if (!\(__atomic_compare_exchange_n(&table\)/if (__atomic_store_n(\&table[i], fresh, __ATOMIC_RELEASE), 0 \&\& !\1/' lifetimes_test
done_testing
