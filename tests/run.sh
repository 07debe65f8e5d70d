#!/bin/sh
# tests/run.sh BUILD [PATTERN]: every test under one prove, so that one line at the end counts them all.
# Unit tests are programs that speak TAP; end-to-end tests are the scripts tests/e2e/*.t. A test that takes longer
# than TEST_TIMEOUT (300) seconds is ended and fails. CI=true: a program that a test needs and that is missing
# is a failure, not a skip (tests/e2e/lib.sh).
set -eu
build=$(cd "$1" && pwd)
pattern=${2:-}
cd "$(dirname "$0")/.."

tests=
for test in "$build"/tests/unit/*_test "$build"/san/tests/unit/*_test "$build"/race/tests/unit/*_test tests/e2e/*.t; do
  [ -x "$test" ] || { echo "run.sh: $test is not there, or not executable" >&2; exit 1; }
  # The sanitizer changes the frames that the unwinder's tests look at, and refuses RTLD_DEEPBIND.
  case $test in */san/tests/unit/stack_*) continue ;; esac
  case $test in *"$pattern"*) tests="$tests $test" ;; esac
done
[ -n "$tests" ] || { echo "run.sh: no test's name holds '$pattern'" >&2; exit 1; }

# What the user has set must not decide what the tests see.
unset OUTLIVE_OPTIONS LD_PRELOAD MALLOC_CONF PYTHONMALLOC
export LC_ALL=C TZ=UTC
export OUTLIVE_BUILD="$build"
# Tests need not give back what they make.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1

# Nor what we have inherited: a test that counts on a number of a descriptor finds it here as on any other machine.
# shellcheck disable=SC2016,SC2086
exec perl -MPOSIX -e 'POSIX::close($_) for 3 .. 1023; exec @ARGV; die "$ARGV[0]: $!\n"' \
  prove --timer --failures --comments -j "${TEST_JOBS:-$(nproc)}" -e "timeout -k 10 ${TEST_TIMEOUT:-300}" $tests
