#!/bin/sh
# tests/run.sh BUILD [PATTERN]: every test under one prove, so that one line at the end counts them all.
# Unit tests are programs that speak TAP; end-to-end tests are the scripts tests/e2e/*.t. A test that takes longer
# than TEST_TIMEOUT (900) seconds is ended and fails. CI=true: a program that a test needs and that is missing
# is a failure, not a skip (tests/e2e/lib.sh). TEST_JOBS: how many at a time, as many as there are CPUs, at most 8.
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

# What the user has set must not decide what the tests see: they get these variables and no others.
[ -d "${HOME:-}" ] || HOME=$build
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C TZ=UTC TERM=dumb OUTLIVE_BUILD=$build XDG_CACHE_HOME=$build/cache
# Tests need not give back what they make.
ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
export HOME XDG_CACHE_HOME PATH LC_ALL TZ TERM OUTLIVE_BUILD ASAN_OPTIONS UBSAN_OPTIONS
KEPT='HOME XDG_CACHE_HOME PATH LC_ALL TZ TERM OUTLIVE_BUILD ASAN_OPTIONS UBSAN_OPTIONS CI TMPDIR KILLS FRESH REACH_SCANS REACH_MEMCHECK'
export KEPT

# Nor what they inherit: files that they make are readable, stacks have their usual size, no descriptor is open but 0 to 2,
# no signal is ignored (as below nohup, systemd, or a shell's "&") or blocked.
umask 022
for limit in 'c 0' 's 8192' 'n 1024'; do
  # shellcheck disable=SC2086,SC3045
  ulimit -S -$limit 2> /dev/null || echo "run.sh: the limit -$limit cannot be set" >&2
done
jobs=${TEST_JOBS:-$(nproc)}
[ -n "${TEST_JOBS:-}" ] || [ "$jobs" -le 8 ] || jobs=8
# shellcheck disable=SC2016,SC2086
exec perl -MPOSIX -e 'POSIX::close($_) for 3 .. 1023; $SIG{$_} = "DEFAULT" for grep !/^(KILL|STOP|NUM3[23])$/, keys %SIG;
  sigprocmask(SIG_SETMASK, POSIX::SigSet->new); my %kept = map { $_ => 1 } split " ", delete $ENV{KEPT};
  delete @ENV{grep !$kept{$_}, keys %ENV}; exec @ARGV; die "$ARGV[0]: $!\n"' \
  prove --norc --timer --failures --comments -j "$jobs" -e "timeout -k 10 ${TEST_TIMEOUT:-900}" $tests < /dev/null
