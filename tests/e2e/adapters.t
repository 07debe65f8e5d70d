#!/bin/sh
# Test frameworks in C and C++ with outlive's headers: a good suite passes, a test that leaks fails, and the gate's report
# names it, also where the suite itself does not look. Without the library the same binaries run as they would.
. "$(dirname "$0")/lib.sh"
need cc c++

headers="-I$ROOT/scripts/adapters -I$ROOT/preload"
cat > leaks.h <<'END'
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
static int leaks(const char *what) { const char *env = getenv("LEAK"); return env && !strcmp(env, what); }
__attribute__((noinline)) static void load_config(void)
{
	char *volatile p = (char *)malloc(48);
	memset(p, 0, 48);
	if (!leaks("heap"))
		free(p);
	p = NULL;
}
__attribute__((noinline)) static void open_log(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (!leaks("fd"))
		fcntl(fd, F_DUPFD, 0) < 0 ? abort() : (void)0;
}
END
sed -i 's/^\t*fcntl(fd, F_DUPFD.*/\t\tclose(fd);/; s/#include <fcntl.h>/#include <fcntl.h>\n#include <unistd.h>/' leaks.h

# suite NAME TEST-OF-HEAP TEST-OF-FD COMMAND...
# Check's child ends a failed test by _exit, with all its frames: of the heap it is told by the test alone.
suite() {
  name=$1 heap=$2 fd=$3
  shift 3
  status_is "$name: plain" 0 "$@"
  LEAK=heap status_is "$name: plain, nobody looks" 0 env LEAK=heap "$@"
  status_is "$name: good, under the gate" 0 "$OUTLIVE" run --check -- "$@"
  like "$name: clean" "$(cat err)" '^outlive: check: clean: '
  status_is "$name: a lost block" 1 env LEAK=heap "$OUTLIVE" run --check -- "$@"
  if [ "$name" != "check, a process each" ]; then
    like "$name: the report names the test" "$(cat err)" "; test $heap\$"
    like "$name: and the function" "$(cat err)" '^ *load_config  leaks.h:'
  fi
  like "$name: the test itself says it" "$(cat out err)" "$heap: heap lost: 1 block, 48 B.*made in load_config"
  status_is "$name: an open descriptor" 1 env LEAK=fd "$OUTLIVE" run --check -- "$@"
  like "$name: the report names its test" "$(cat err)" "; test $fd; [0-9]+: /dev/null\$"
  like "$name: the test says that, too" "$(cat out err)" "$fd: fd open: 1 descriptor.*made in open_log"
  rm -rf outlive-check.*
}
# fails NAME COMMAND...: without the gate the framework's own status tells.
fails() {
  fails_name=$1
  shift
  LEAK=fd LD_PRELOAD=$LIB "$@" > out 2>&1
  [ $? != 0 ]
  result $? "$fails_name: without the gate its own status tells"
  like "$fails_name: by counts" "$(cat out)" '1 descriptor left since the checkpoint \(counts only'
  rm -f outlive.*.snap
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
#include "leaks.h"
static int group(void **state) { *state = malloc(8); return 0; }
static int ungroup(void **state) { free(*state); return 0; }
static int enter(void **state) { *state = malloc(16); return 0; }
static int leave(void **state) { free(*state); return 0; }
static void reads(void **state) { assert_non_null(*state); load_config(); }
static void writes(void **state) { assert_non_null(*state); open_log(); }
static void has_own(void **state) { assert_string_equal((char *)*state, "own"); }
int main(void)
{
	static char own[] = "own";
	const struct CMUnitTest tests[] = {cmocka_unit_test(reads),
		cmocka_unit_test_setup_teardown(writes, enter, leave)};
	const struct CMUnitTest others[] = {cmocka_unit_test_prestate(has_own, own)};
	return cmocka_run_group_tests(tests, group, ungroup) + cmocka_run_group_tests_name("others", others, NULL, NULL);
}
END
  # shellcheck disable=SC2086
  ok "cmocka: compiles" cc -g -Wall -Wextra -Werror $headers -o t_cmocka t_cmocka.c -lcmocka
  suite cmocka reads writes ./t_cmocka
  fails cmocka ./t_cmocka
fi

if has check.h; then
  cat > t_check.c <<'END'
#include <check.h>
#include "outlive_check.h"
#include "leaks.h"
START_TEST(reads) { load_config(); }
END_TEST
START_TEST(writes) { open_log(); ck_assert_int_ge(_i, 0); }
END_TEST
int main(void)
{
	Suite *s = suite_create("suite");
	TCase *c = tcase_create("case");
	tcase_add_test(c, reads);
	tcase_add_loop_test(c, writes, 0, 1);
	suite_add_tcase(s, c);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
END
  # shellcheck disable=SC2046,SC2086
  ok "check: compiles" cc -g -Wall -Wextra -Werror $headers -o t_check t_check.c -lcheck -lsubunit -lrt -lm -lpthread
  suite "check, a process each" reads writes ./t_check
  fails "check, a process each" ./t_check
  CK_FORK=no
  export CK_FORK
  suite "check, one process" reads writes ./t_check
  fails "check, one process" ./t_check
  unset CK_FORK
fi

if has criterion/criterion.h; then
  cat > t_criterion.c <<'END'
#include "outlive_criterion.h"
#include "leaks.h"
static char *text;
static void enter(void) { text = malloc(10); }
static void leave(void) { free(text); }
Test(suite, reads) { load_config(); }
Test(suite, writes, .init = enter, .fini = leave) { open_log(); cr_assert(text); }
END
  # shellcheck disable=SC2086
  ok "criterion: compiles" cc -g $headers -o t_criterion t_criterion.c -lcriterion
  suite criterion suite::reads suite::writes ./t_criterion
  fails criterion ./t_criterion
fi

if has gtest/gtest.h; then
  cat > t_gtest.cc <<'END'
#include "outlive_gtest.h"
#include "leaks.h"
class Fixture : public testing::Test { protected: std::string text = std::string(100, 'x'); };
TEST_F(Fixture, Reads) { load_config(); EXPECT_EQ(text.size(), 100u); }
TEST(Plain, Writes) { open_log(); }
int main(int argc, char **argv)
{
	testing::InitGoogleTest(&argc, argv);
	outlive::listen();
	return RUN_ALL_TESTS();
}
END
  # shellcheck disable=SC2086
  ok "gtest: compiles" c++ -g -Wall -Wextra -Werror $headers -o t_gtest t_gtest.cc -lgtest -lpthread
  suite gtest Fixture.Reads Plain.Writes ./t_gtest
  fails gtest ./t_gtest
  printf '#include "outlive_gtest.h"\n#include "leaks.h"\nstatic const bool on = outlive::listen();\nTEST(Plain, Reads) { load_config(); }\n' > t_main.cc
  # shellcheck disable=SC2086
  ok "gtest_main: compiles" c++ -g $headers -o t_main t_main.cc -lgtest_main -lgtest -lpthread
  status_is "gtest_main: a lost block" 1 env LEAK=heap "$OUTLIVE" run --check -- ./t_main
  like "gtest_main: the report names the test" "$(cat err)" '; test Plain.Reads$'
fi

# Version 3 is a library, where the distribution has it; 2 is a header.
catch2=
[ -e /usr/include/catch2/catch_all.hpp ] && catch2=-lCatch2
if [ -n "$catch2" ] || has catch2/catch.hpp; then
  cat > t_catch.cc <<'END'
#define CATCH_CONFIG_RUNNER
#include "outlive_catch2.h"
#include "leaks.h"
TEST_CASE("reads") { load_config(); REQUIRE(true); }
TEST_CASE("writes") { SECTION("one") { REQUIRE(true); } SECTION("two") { open_log(); REQUIRE(true); } }
int main(int argc, char **argv) { return outlive::catch2_result(Catch::Session().run(argc, argv)); }
END
  # shellcheck disable=SC2086
  ok "catch2: compiles" c++ -g $headers -o t_catch t_catch.cc $catch2
  suite catch2 reads writes ./t_catch
  fails catch2 ./t_catch
fi
done_testing
