#!/bin/sh
# Runners of tests that are processes (CTest, meson, bats, make, pytest), with the prefix alone: a good suite passes, of one
# that leaks the report names the test; by OUTLIVE_TEST, which each runner sets in its own way.
. "$(dirname "$0")/lib.sh"
need cc

cat > leaks.c <<'END'
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) static void load_config(int leaks)
{
	char *volatile p = malloc(48);
	memset(p, 0, 48);
	if (!leaks)
		free(p);
	p = NULL;
}
int main(int argc, char **argv) { load_config(argc > 1 && getenv("LEAK") && !strcmp(argv[1], "leaks")); return 0; }
END
cc -g -o leaks leaks.c || exit 1
PATH=$PWD:$PATH

status_is "OUTLIVE_TEST: a finding" 1 env LEAK=1 OUTLIVE_TEST="my test" "$OUTLIVE" run --check -- ./leaks leaks
like "carries the name" "$(cat err)" '; test my test$'
rm -rf outlive-check.*

# runner NAME TEST COMMAND...
runner() {
  name=$1 test=$2
  shift 2
  status_is "$name: good" 0 "$OUTLIVE" run --check -- "$@"
  like "$name: clean" "$(cat err)" '^outlive: check: clean: '
  status_is "$name: a lost block" 1 env LEAK=1 "$OUTLIVE" run --check -- "$@"
  like "$name: the function" "$(cat err)" '^ *load_config  leaks.c:'
  like "$name: the report names the test" "$(cat err)" "; test $test\$"
  rm -rf outlive-check.*
}
has() {
  command -v "$1" > /dev/null && return 0
  [ "${CI:-}" = true ] && result 1 "$1 is missing (scripts/deps adapters)"
  note "$1 is missing: left out"
  return 1
}

if has make; then
  printf 'check: check-works check-leaks\ncheck-%%: ; OUTLIVE_TEST=$@ ./leaks $*\n' > Makefile
  runner make check-leaks make -s check
fi

if has ctest; then
  mkdir ctest
  cat > ctest/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.19)
project(suite NONE)
enable_testing()
list(APPEND CMAKE_MODULE_PATH "$ROOT/scripts/adapters")
include(outlive)
add_test(NAME works COMMAND $PWD/leaks works)
add_test(NAME "reads files" COMMAND $PWD/leaks leaks)
outlive_name_tests()
END
  ok "cmake: configures" cmake -S ctest -B ctest/build
  runner ctest 'reads files' sh -c 'cd ctest/build && ctest -Q'
  # One test of CTest: its own exit status is the gate's.
  cat >> ctest/CMakeLists.txt <<END
add_test(NAME prefixed COMMAND $OUTLIVE run --check -- $PWD/leaks leaks)
END
  ok "cmake: configures again" cmake -S ctest -B ctest/build
  status_is "ctest: a test with the prefix passes" 0 ctest -Q --test-dir ctest/build -R prefixed
  status_is "ctest: and fails" 8 env LEAK=1 ctest -Q --test-dir ctest/build -R prefixed
fi

if has meson; then
  mkdir meson
  cat > meson/meson.build <<'END'
project('suite')
leaks = find_program('leaks')
foreach name : ['works', 'leaks']
  test(name, leaks, args : [name], env : {'OUTLIVE_TEST' : name})
endforeach
END
  ok "meson: configures" meson setup meson/build meson
  runner meson leaks meson test -C meson/build --no-rebuild
  wrapper="$OUTLIVE run --check --"
  status_is "meson --wrapper: good" 0 meson test -C meson/build --no-rebuild --wrapper "$wrapper"
  LEAK=1 meson test -C meson/build --no-rebuild --wrapper "$wrapper" > out 2> err
  is "meson --wrapper: one test fails" "$?" 1
  like "it is the one that leaks" "$(cat out)" '^ *[12]/2 leaks +FAIL'
  like "its log has the function" "$(cat meson/build/meson-logs/testlog*.txt)" '^ *load_config  leaks.c:'
fi

if has bats; then
  cat > suite.bats <<'END'
setup() { export OUTLIVE_TEST="$BATS_TEST_DESCRIPTION"; }
@test "works" { leaks works; }
@test "reads a file" { leaks leaks; }
END
  runner bats 'reads a file' bats suite.bats
fi

if has pytest-3; then
  pytest=$(command -v pytest-3)
  cat > test_suite.py <<'END'
import ctypes, os, subprocess
def test_works():
    subprocess.run(["leaks", "works"], check=True)
def test_leaks():
    subprocess.run(["leaks", "leaks"], check=True)
def test_descriptor():
    if os.environ.get("OPEN"):
        ctypes.CDLL(None).dup(1)
END
  PYTHONPATH=$ROOT/scripts/adapters PYTHONDONTWRITEBYTECODE=1
  export PYTHONPATH PYTHONDONTWRITEBYTECODE
  status_is "pytest: the plug-in without the library" 0 "$pytest" -q -p no:cacheprovider -p outlive_pytest --outlive-verify test_suite.py
  runner pytest test_suite.py::test_leaks "$pytest" -q -p no:cacheprovider -p outlive_pytest test_suite.py
  status_is "pytest --outlive-verify: good" 0 "$OUTLIVE" run --check -- "$pytest" -q -p no:cacheprovider -p outlive_pytest --outlive-verify test_suite.py
  status_is "pytest --outlive-verify: what the interpreter leaves" 1 env OPEN=1 \
    "$OUTLIVE" run --check -- "$pytest" -q -p no:cacheprovider -p outlive_pytest --outlive-verify test_suite.py
  like "the test fails" "$(cat out)" '^ERROR test_suite.py::test_descriptor'
  like "it says why" "$(cat out)" 'test_suite.py::test_descriptor: fd open: 1 descriptor'
  like "the report names it" "$(cat err)" '; test test_suite.py::test_descriptor; '
fi
done_testing
