#!/bin/sh
# A gate does not look at programs of the system that a suite runs on its way; whatever of the user's is in one of
# them, be it a plug-in or a script, must not be passed over with it.
. "$(dirname "$0")/lib.sh"
need tac seq perl

# ends COMMAND...: with `spare` set to $spare; how many snapshots there are of it.
ends() {
  rm -rf found
  mkdir found
  : > told
  seq 100 | env OUTLIVE_OPTIONS="out=$PWD/found,reach=exit,tally=$PWD/told,spare=$spare" \
    LD_PRELOAD="$LIB${with:+ $with}" "$@" > out 2> err
  find found -name 'outlive.*.snap' | wc -l
}
# No pid is so high.
nobody=99999999
with=

spare=0
is "tac leaves a descriptor" "$(ends tac)" 1
spare=$nobody
is "it is a program of the system: nothing is written of it" "$(ends tac)" 0
is "its beginning and its end are told" "$(sed 's/^[0-9]* //' told)" "$(printf '0 tac\n1 tac')"
is "so it is with those that a program of the system starts" "$(ends sh -c 'seq 10 | tac; exec tac < /dev/null')" 0

# The shell that runs this in a substitution is the parent of both.
spare_of_parent() {
  spare=$(sh -c 'echo $PPID')
  ends tac
}
is "who was started by the gate itself may be what is tested" "$(spare_of_parent)" 1

cp "$(command -v tac)" mine
is "a program of the user's own is looked at" "$(ends ./mine)" 1
is "and one of the system that it runs is not" "$(ends ./mine --version)" 0
is "a script that an interpreter runs is the user's" "$(ends perl -MPOSIX -e 'POSIX::dup(1)')" 1
with=$PROGS/thread_early_so.so
is "a library of the user's in a program of the system makes it the user's" "$(ends tac)" 1
with=

# The whole way.
status_is "the gate finds nothing of a suite's tools" 0 "$OUTLIVE" run --check -- sh -c 'seq 100 | tac'
unlike "and nothing is accepted, since nothing was found" "$(cat err)" '^accepted:'
status_is "who asks what was accepted" 0 "$OUTLIVE" run --check --explain -- sh -c 'seq 100 | tac'
like "is told" "$(cat err)" 'fd:\(any\), a program of the system'
seq 100 | "$OUTLIVE" run --check -- tac > out 2> err
is "the command alone is what is tested" "$?" 1
status_is "a program that --only names is meant" 1 "$OUTLIVE" run --check --only tac -- sh -c 'seq 100 | tac'
status_is "limits are for all programs" 1 "$OUTLIVE" run --check --max-allocs 1 -- sh -c 'seq 100 | tac'
done_testing
