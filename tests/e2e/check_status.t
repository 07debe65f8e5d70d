#!/bin/sh
# The gate's exit status, and that it always tells both facts: what it found, and how the command itself ended.
. "$(dirname "$0")/lib.sh"
need jq sqlite3

gate() {
  "$OUTLIVE" run --check "$@" > out 2> err
}
verdict() {
  tail -n 1 err
}

status_is "clean: the command's own status" 3 "$OUTLIVE" run --check -- sh -c 'echo hi; exit 3'
is "its output is its own" "$(cat out)" hi
like "and told" "$(cat err)" '^outlive: check: clean: 1 process; the command exited with status 3; exit status 3$'
is "it leaves no file" "$(find . -name 'outlive*')" ""

status_is "findings: 1" 1 "$OUTLIVE" run --check -- "$PROGS/kind_left" < /dev/null
like "with what was found, and the command's own status" "$(cat err)" \
  'check: leaks: [0-9]+ findings \(5 threads, 3 timers, [0-9]+ descriptors\) in 1 of 1 process; the command exited with status [0-9]+; exit status 1$'
like "the first own frame, its file and line" "$(cat err)" '^ +thread_new  kind_left\.c:[0-9]+'
more=$(sed -n 's/^ *more: outlive //p' err | head -n 1)
# shellcheck disable=SC2086
ok "the command that shows more works" "$OUTLIVE" $more
is "one snapshot stays" "$(find . -name '*.snap' | wc -l)" 1
snap=$(find . -name '*.snap')
status_is "--error-exitcode" 42 "$OUTLIVE" run --check --error-exitcode=42 -- "$PROGS/kind_left" < /dev/null
status_is "no kind is asked for" 98 "$OUTLIVE" run --check --threads off --timers=off --fds off -- "$PROGS/kind_left" < /dev/null

status_is "nothing could be seen: 4" 4 "$OUTLIVE" run --check -- /sbin/ldconfig --version
like "which is told" "$(cat err)" 'NOTHING WAS SEEN of /sbin/ldconfig'
# shellcheck disable=SC2016
status_is "SIGKILL: 4" 4 "$OUTLIVE" run --check -- sh -c 'kill -9 $$'
like "and how it ended" "$(verdict)" 'check: no verdict: .*; the command was ended by signal 9 \(Killed\); exit status 4$'
# A shell with one command only would become it.
status_is "a child that SIGKILL ends: told" 0 "$OUTLIVE" run --check -- sh -c 'sh -c "kill -9 \$\$"; true'
like "which, and that it says nothing" "$(cat err)" '^not seen to the end .*: 1 process: sh \(pid [0-9]+\)$'
mkfifo never
status_is "a child that stays: told" 0 "$OUTLIVE" run --check -- \
  sh -c 'sh -c ": > started; read x < never" > /dev/null 2>&1 & echo $!; while [ ! -e started ]; do sleep 0.1; done'
like "which" "$(cat err)" '^still running, and not looked at: 1 process: sh \(pid [0-9]+\)$'
kill "$(cat out)"
status_is "an image that exec has made, unseen: 4" 4 "$OUTLIVE" run --check -- sh -c 'exec /sbin/ldconfig --version'
status_is "an image that exec has made, seen" 0 "$OUTLIVE" run --check -- sh -c 'exec ls'
# shellcheck disable=SC2016
status_is "ended by a signal: the same end" 143 "$OUTLIVE" run --check -- sh -c 'kill $$'
status_is "not there: 127" 127 "$OUTLIVE" run --check -- ./nothing-of-the-kind
is "no folder is left of it" "$(find . -name 'outlive-check.*' | wc -l)" 2
status_is "--only leaves the command out, which is meant" 0 "$OUTLIVE" run --check --only 'sqlite*' -- \
  sh -c 'sqlite3 :memory: "select 1"; true'
like "and told" "$(cat err)" 'itself was not looked at \(--only\)'
status_is "a gate that is misspelt: 2" 2 "$OUTLIVE" run --check --threads joined -- true
like "names those that there are" "$(cat err)" 'unjoined, running, growth .* or off, not "joined"'
status_is "an option that is misspelt" 2 "$OUTLIVE" run --check --error-exitkode=3 -- true
like "names the nearest" "$(cat err)" 'did you mean --error-exitcode'

status_is "check, of a snapshot" 1 "$OUTLIVE" check "$snap"
like "its verdict" "$(tail -n 1 out)" '^outlive: check: leaks: .* in 1 of 1 process; exit status 1$'
status_is "check, of a folder" 1 "$OUTLIVE" check "$(dirname "$snap")"
status_is "one kind alone" 1 "$OUTLIVE" check --threads=unjoined --timers=off --fds=off "$snap"
like "is all that is found" "$(tail -n 1 out)" 'leaks: 1 finding \(3 threads\)'
head -c 1000 "$snap" > cut.snap
status_is "a file that is cut: 3" 3 "$OUTLIVE" check cut.snap
status_is "no such file: 3" 3 "$OUTLIVE" check nothing.snap
mkdir empty
status_is "an empty folder: 3" 3 "$OUTLIVE" check empty
status_is "no operand: 2" 2 "$OUTLIVE" check
gate --families heap -- true
is "what was not recorded gives no verdict" "$?" 4
like "and why" "$(cat err)" 'no verdict on .*: threads were not recorded'
done_testing
