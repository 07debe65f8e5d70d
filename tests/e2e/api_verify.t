#!/bin/sh
# outlive.h: tests have names that findings carry; outlive_verify_none() tells in the test itself what it leaves, by names
# where an analyzer answers; what is intended is no leak. Without the library the program runs as well.
. "$(dirname "$0")/lib.sh"
need cc c++

suite=$PROGS/api_verify
# said TEST: the line of counts, and the text below it.
said() { grep -A1 "^$1: [0-9]* left" out; }
none='0 left: 0 blocks, 0 bytes, 0 threads, 0 timers, 0 fds'

status_is "without the library nothing is left" 0 "$suite" block fd thread
is "it says so" "$(grep -c "$none\$" out)" 3

LD_PRELOAD=$LIB "$suite" clean block list cache fd timer thread late scope intended intended_thread checkpoint > out 2> err
is "with the library alone: tests that leave something" "$?" 5
like "a lost block is counted" "$(said block)" '^block: 1 left: 1 blocks, 64 bytes'
like "who judges is told" "$(said block)" '^block: 1 lost block left since the checkpoint \(counts only: no analyzer answers here'
like "a lost list, whole" "$(said list)" '^list: 5 left: 5 blocks, 40 bytes'
like "a descriptor" "$(said fd)" '^fd: 1 left: .* 1 fds$'
like "a timer" "$(said timer)" '^timer: 1 left: .* 1 timers, 0 fds$'
like "a thread, though it has hardly begun" "$(said thread)" '^thread: 1 left: .* 1 threads'
for quiet in clean cache late scope intended intended_thread checkpoint; do
  like "$quiet: nothing" "$(said $quiet)" "^$quiet: $none\$"
done
is "no snapshot but the last one" "$(snaps | wc -l)" 1
GROWTH=1 LD_PRELOAD=$LIB "$suite" cache clean > out 2> err
like "growth: what is reachable counts" "$(said cache)" '^cache: 1 left: 1 blocks, 1000 bytes'
like "and what was freed does not" "$(said clean)" "^clean: $none\$"
rm -f outlive.*.snap

mkdir tmp
status_is "under the gate: findings" 1 env TMPDIR="$PWD/tmp" "$OUTLIVE" run --check -- "$suite" block clean fd thread timer list scope_then_block
like "by names" "$(said block)" '^block: 1 left: 1 blocks, 64 bytes, .* by names$'
like "the function stands in the text" "$(said block)" 'heap lost: 1 block, 64 B.*made in lose_block \(api_verify.c:'
like "a descriptor's, too" "$(said fd)" 'fd open: 1 descriptor.*made in open_fd .*/dev/null'
like "a thread's" "$(said thread)" 'thread running: 1 thread.*made in start .*runs wait_for_word'
like "a list has a head, and what is lost with it" "$(said list)" '1 block, 8 B.*made in lose_list.*32 B in 4 more blocks'
for test in block fd thread timer list scope_then_block; do
  like "the report names the test: $test" "$(cat err)" "; test $test(\$|;)"
done
unlike "and no other" "$(cat err)" '; test clean'
is "snapshots for verdicts are gone" "$(find . -name '*.snap' | wc -l)" 1
is "nothing of the socket is left" "$(ls tmp)" ""
rm -rf outlive-check.*

status_is "while other threads allocate" 1 "$OUTLIVE" run --check -- "$suite" busy block block fd
is "each lost block is found, no other" "$(grep -c '^b[a-z]*: 1 left: 1 blocks, 64 bytes, 0 threads.*by names' out)" 3
rm -rf outlive-check.*

printf 'leak:lose_block\nfd:open_fd\n' > accepted
status_is "suppressions hold inside tests" 0 "$OUTLIVE" run --check --suppressions accepted -- "$suite" block fd
like "by their names" "$(said fd)" "^fd: $none, by names\$"
status_is "without --check the analyzer answers, too" 1 "$OUTLIVE" run -- "$suite" block
like "by names, too" "$(said block)" 'made in lose_block'
status_is "what is intended is clean" 0 "$OUTLIVE" run --check -- "$suite" scope intended intended_thread cache late
unlike "nobody answers: nothing waits" "$(OUTLIVE_OPTIONS=answer=/nowhere LD_PRELOAD=$LIB "$suite" fd 2>&1)" 'by names$'

# Every language and way to compile; warnings are errors.
cat > use.c <<'END'
#include <stdlib.h>
#include "preload/outlive.h"
int main(void)
{
	struct outlive_verify v = {0};
	outlive_test_begin("use");
	{
		OUTLIVE_IGNORE;
		*(void *volatile *)&v.text = malloc(10);
	}
	int left = outlive_verify_none(&v) + outlive_verify_none(NULL);
	outlive_test_end();
	return left;
}
END
for how in 'cc -O0 -std=c11' 'cc -O2 -fno-pie -no-pie' 'c++ -O2 -x c++ -std=c++11' 'c++ -O0 -x c++ -std=c++20'; do
  # shellcheck disable=SC2086
  ok "$how: compiles" $how -Wall -Wextra -Wno-missing-field-initializers -Werror -I"$ROOT" -o use use.c
  status_is "$how: runs" 0 ./use
  status_is "$how: the scope holds" 0 env LD_PRELOAD="$LIB" ./use
done
done_testing
