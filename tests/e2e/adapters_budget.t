#!/bin/sh
# Limits for each test, with the frameworks that name their tests: what a test keeps, what it has in use at its highest, how
# many blocks it makes. The report names the test, and only that one.
. "$(dirname "$0")/lib.sh"
need cc c++

headers="-I$ROOT/scripts/adapters -I$ROOT/preload -I$PWD"
cat > work.h <<'END'
#include <stdlib.h>
#include <string.h>
static void *kept[100];
/* Nothing is lost: what is kept can be reached. */
__attribute__((noinline)) static void fill_cache(void)
{
	for (int i = 0; i < 100; i++) {
		free(kept[i]);
		kept[i] = malloc(2000);
	}
}
__attribute__((noinline)) static void use(size_t bytes, int times)
{
	for (int i = 0; i < times; i++) {
		char *volatile p = (char *)malloc(bytes);
		memset(p, 1, bytes);
		free(p);
	}
}
END

# budgets NAME PREFIX-OF-TESTS COMMAND...: the tests hoards, towers and chatters each break one limit, frugal none.
budgets() {
  name=$1 in=$2
  shift 2
  status_is "$name: enough for all" 0 "$OUTLIVE" run --check --per test --max-residue 1M --max-peak 20M --max-allocs 100000 -- "$@"
  like "$name: clean" "$(tail -n 1 err)" '^outlive: check: clean: '
  status_is "$name: what is kept" 1 "$OUTLIVE" run --check --per test --max-residue 150k -- "$@"
  like "$name: its test" "$(cat err)" "; test ${in}hoards; of it made there: 200\.0 kB in 100 blocks\$"
  like "$name: its function" "$(cat err)" '^ +fill_cache  work\.h:'
  like "$name: its figures and the limit" "$(cat err)" '^1\. heap residue: 1[0-9][0-9] blocks, 2[0-9.]+ kB - a test left more bytes in use than the limit of 153\.6 kB$'
  like "$name: and no other" "$(tail -n 1 err)" 'leaks: 1 finding '
  status_is "$name: what is in use at the highest" 1 "$OUTLIVE" run --check --per test --max-peak 4M -- "$@"
  like "$name: its test, of the peak" "$(cat err)" "; test ${in}towers\$"
  like "$name: its figure and the limit" "$(cat err)" '^1\. heap peak: 8\.[0-9] MB - a test had more bytes in use than the limit of 4\.2 MB$'
  like "$name: and no other, of the peak" "$(tail -n 1 err)" 'leaks: 1 finding '
  status_is "$name: what is made" 1 "$OUTLIVE" run --check --per test --max-allocs 4000 -- "$@"
  like "$name: its test, of the blocks" "$(cat err)" "; test ${in}chatters\$"
  like "$name: their number and the limit" "$(cat err)" '^1\. heap allocs: (5\.[0-9] k|5[0-9]{3}) blocks - a test allocated more blocks than the limit of 4\.0 k$'
  like "$name: and no other, of the blocks" "$(tail -n 1 err)" 'leaks: 1 finding '
  rm -rf outlive-check.*
}
# has HEADER: the framework is installed.
has() {
  [ -e "/usr/include/$1" ] && return 0
  [ "${CI:-}" = true ] && result 1 "$1 is missing (scripts/deps adapters)"
  note "$1 is missing: left out"
  return 1
}

if has cmocka.h; then
  cat > t_cmocka.c <<'END'
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "outlive_cmocka.h"
#include "work.h"
static void frugal(void **state) { (void)state; use(100, 10); }
static void hoards(void **state) { (void)state; fill_cache(); }
static void towers(void **state) { (void)state; use(8 << 20, 1); }
static void chatters(void **state) { (void)state; use(10, 5000); }
int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(frugal), cmocka_unit_test(hoards), cmocka_unit_test(towers),
		cmocka_unit_test(chatters)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
END
  # shellcheck disable=SC2086
  ok "cmocka: compiles" cc -g $headers -o t_cmocka t_cmocka.c -lcmocka
  budgets cmocka "" ./t_cmocka
fi

if has check.h; then
  cat > t_check.c <<'END'
#include <check.h>
#include "outlive_check.h"
#include "work.h"
START_TEST(frugal) { use(100, 10); }
END_TEST
START_TEST(hoards) { fill_cache(); }
END_TEST
START_TEST(towers) { use(8 << 20, 1); }
END_TEST
START_TEST(chatters) { use(10, 5000); }
END_TEST
int main(void)
{
	Suite *s = suite_create("suite");
	TCase *c = tcase_create("case");
	tcase_add_test(c, frugal);
	tcase_add_test(c, hoards);
	tcase_add_test(c, towers);
	tcase_add_test(c, chatters);
	suite_add_tcase(s, c);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
END
  # shellcheck disable=SC2086
  ok "check: compiles" cc -g $headers -o t_check t_check.c -lcheck -lsubunit -lrt -lm -lpthread
  budgets "check, a process each" "" ./t_check
  budgets "check, one process" "" env CK_FORK=no ./t_check
fi

if has gtest/gtest.h; then
  cat > t_gtest.cc <<'END'
#include "outlive_gtest.h"
#include "work.h"
TEST(Heap, frugal) { use(100, 10); }
TEST(Heap, hoards) { fill_cache(); }
TEST(Heap, towers) { use(8 << 20, 1); }
TEST(Heap, chatters) { use(10, 5000); }
int main(int argc, char **argv)
{
	testing::InitGoogleTest(&argc, argv);
	outlive::listen();
	return RUN_ALL_TESTS();
}
END
  # shellcheck disable=SC2086
  ok "gtest: compiles" c++ -g $headers -o t_gtest t_gtest.cc -lgtest -lpthread
  budgets gtest Heap. ./t_gtest
  # A test that runs twice is held twice, each time by itself.
  status_is "gtest: a test that is repeated" 0 "$OUTLIVE" run --check --per test --max-allocs 8000 -- ./t_gtest --gtest_repeat=2
fi

# Tests that are processes: each by itself, from its beginning.
cat > t_plain.c <<'END'
#include "work.h"
int main(int argc, char **argv)
{
	switch (argc > 1 ? *argv[1] : 0) {
	case 'h': fill_cache(); break;
	case 't': use(8 << 20, 1); break;
	case 'c': use(10, 5000); break;
	default: use(100, 10);
	}
	return 0;
}
END
# shellcheck disable=SC2086
ok "plain: compiles" cc -g $headers -o t_plain t_plain.c
printf 'check: check-frugal check-hoards check-towers check-chatters\ncheck-%%: ; OUTLIVE_TEST=$* ./t_plain $*\n' > Makefile
budgets "OUTLIVE_TEST" "" make -s check

status_is "nobody has said a name: no verdict" 4 "$OUTLIVE" run --check --per test --max-residue 1 -- ./t_plain
like "and why" "$(cat err)" '^limits are for each test, and no test has told its name'
status_is "without a limit nothing is asked for" 0 "$OUTLIVE" run --check --per test -- ./t_plain
status_is "--per of something else" 2 "$OUTLIVE" run --check --per suite -- true
like "names what there is" "$(cat err)" '\-\-per is process, stack or test'

# From a snapshot, later; and for machines.
OUTLIVE_TEST=hoards LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=later ./t_plain hoards
status_is "outlive check" 1 "$OUTLIVE" check --per test --max-residue 0 --json later
cp out check.json
is "its JSON" "$(json check.json '[(f["why"], f["test"], f["limit"], f["site"]["function"]) for f in d["findings"]]')" \
  "[('residue', 'hoards', 0, 'fill_cache')]"
done_testing
