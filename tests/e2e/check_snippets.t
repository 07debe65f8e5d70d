#!/bin/sh
# What README.md gives to be pasted into a CI's settings, a Makefile, CMakeLists.txt, a test: taken from there word for word,
# and run in a fresh repository, with what the CI sets in the environment. A good suite passes, one that leaks fails and is told.
. "$(dirname "$0")/lib.sh"
need make cc git jq xmllint

# snippet TEXT: the first paragraph of README.md that is all indented, and holds the text.
snippet() {
  awk -v RS= -v want="$1" 'index($0, want) && !/(^|\n)[^ ]/ { gsub(/(^|\n)    /, "\n"); print substr($0, 2); exit }' "$ROOT/README.md"
}
# value KEY: of a line "key: value" of a YAML snippet, where it stands on one line.
value() {
  sed -n "s/^ *\(- \)\{0,1\}$1: //p" | head -n 1
}

mkdir bin
ln -s "$OUTLIVE" bin/outlive
ln -s "$LIB" bin/liboutlive.so
PATH=$PWD/bin:$PATH

project() {
  mkdir "$1" && cd "$1" && git init -q . || exit 1
  cat > my_tests.c << 'END'
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
int main(void) { load_config(getenv("LEAK") != NULL); return 0; }
END
  printf 'CFLAGS = -g\nall: my_tests\ncheck: all ; ./my_tests\n' > Makefile
}

project github
step=$(snippet 'github/codeql-action/upload-sarif')
run=$(printf '%s\n' "$step" | value run)
like "GitHub: there is a step" "$run" '^outlive run --check '
GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=$PWD/summary.md
export GITHUB_ACTIONS GITHUB_STEP_SUMMARY
sarif=$(printf '%s\n' "$step" | sed -n 's/.*sarif_file: \([^}]*\)}.*/\1/p')
status_is "GitHub: a good suite passes" 0 bash -e -c "$run"
like "GitHub: its summary" "$(cat summary.md)" '^### :white_check_mark: outlive: clean: '
is "GitHub: what is uploaded was written" "$(jq -r '.version, (.runs[0].results | length)' "$sarif" | xargs)" "2.1.0 0"
status_is "GitHub: one that leaks fails" 1 env LEAK=1 bash -e -c "$run"
like "GitHub: the line has a mark" "$(cat out err)" '^::error file=my_tests\.c,line=5,.*heap lost'
like "GitHub: the summary has a row" "$(cat summary.md)" '^\| heap lost: 1 block, 48 B .*load\\_config'
is "GitHub: and what is uploaded" "$(jq -r '.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri' "$sarif")" my_tests.c
like "GitHub: it is uploaded when the step has failed" "$step" '^ *if: always\(\)$'
unset GITHUB_ACTIONS GITHUB_STEP_SUMMARY
cd ..

project gitlab
job=$(snippet 'reports: {junit')
script=$(printf '%s\n' "$job" | value script)
junit=$(printf '%s\n' "$job" | sed -n 's/.*junit: \([^}]*\)}.*/\1/p')
like "GitLab: there is a script" "$script" '^outlive run --check '
status_is "GitLab: a good suite passes" 0 env CI=true GITLAB_CI=true sh -e -c "$script"
ok "GitLab: its report is XML" xmllint --noout "$junit"
status_is "GitLab: one that leaks fails" 1 env CI=true GITLAB_CI=true LEAK=1 sh -e -c "$script"
is "GitLab: the report has the failure" "$(xmllint --xpath 'count(//failure)' "$junit")" 1
like "GitLab: and is kept when the script has failed" "$job" 'when: always'
cd ..

project makefile
snippet 'check-leaks: all' >> Makefile
accept=$(snippet '--accept-new' | head -n 1)
like "make: there is a line that makes the baseline" "$accept" '^outlive run --check .*--accept-new'
status_is "make: the baseline of a suite that leaks" 0 env LEAK=1 sh -e -c "$accept"
status_is "make: what it knows passes" 0 env LEAK=1 make -s check-leaks
status_is "make: a good suite passes" 0 make -s check-leaks
rm leaks.baseline
status_is "make: an empty baseline" 0 sh -e -c "$accept"
status_is "make: what is new fails" 2 env LEAK=1 make -s check-leaks
like "make: and is told" "$(cat err)" '^ +load_config  my_tests\.c:'
cd ..

if command -v cmake > cmake.log; then
  project cmake
  printf 'cmake_minimum_required(VERSION 3.19)\nproject(suite C)\nenable_testing()\nadd_executable(my_tests my_tests.c)\n' > CMakeLists.txt
  snippet 'add_test(NAME leaks' >> CMakeLists.txt
  sed -i 's/-g$//' Makefile
  ok "CTest: configures" cmake -DCMAKE_BUILD_TYPE=Debug -S . -B build
  ok "CTest: builds" cmake --build build
  status_is "CTest: a good suite passes" 0 ctest --test-dir build -R leaks
  status_is "CTest: one that leaks fails" 8 env LEAK=1 ctest --test-dir build --output-on-failure -R leaks
  like "CTest: and is told" "$(cat out)" '^ +load_config  my_tests\.c:'
  cd ..
else
  note "cmake is missing: left out"
fi

project tests
# The names of the recipe, and a program for each.
snippet '# Makefile; then' > Makefile
for name in parser writer; do cp my_tests.c $name.c; done
status_is "a program for each test: good" 0 sh -e -c "$(sed -n 's/^# Makefile; then: //p' Makefile)"
status_is "a program for each test: all leak" 1 env LEAK=1 sh -e -c "$(sed -n 's/^# Makefile; then: //p' Makefile)"
like "the report names the one" "$(cat err)" '; test check-parser$'
like "and the other" "$(cat err)" '; test check-writer$'
# The test that asks by itself.
{
  snippet '#include "outlive.h"'
  printf '%s\n' '#include <stdio.h>' '#include <stdlib.h>' '#define main other_main' '#include "my_tests.c"' '#undef main' \
    'static void run_the_test(void) { load_config(getenv("LEAK") != NULL); }' \
    'static void fail(const char *text) { puts(text); exit(99); }' 'int main(void) {'
  snippet 'struct outlive_verify v = {0};'
  echo 'return 0; }'
} > asks.c
ok "a test with outlive.h compiles" cc -g -I "$ROOT/preload" -o asks asks.c
status_is "a test with outlive.h: good" 0 outlive run -- ./asks
status_is "a test with outlive.h: leaks" 99 env LEAK=1 outlive run -- ./asks
like "and says what" "$(cat out)" '^parser: heap lost: 1 block, 48 B .*; made in load_config \(my_tests\.c:'
status_is "a test with outlive.h, without the library" 0 env LEAK=1 ./asks
cd ..
done_testing
