#!/bin/sh
# What a gate accepts: rules of files, of the program itself, of ours; and a baseline, which only ever shrinks by itself.
. "$(dirname "$0")/lib.sh"
need jq

gate() {
  "$OUTLIVE" run --check "$@" > out 2> err < /dev/null
}
findings() {
  sed -nE 's/^outlive: check: leaks: ([0-9]+) findings?.*/\1/p; s/^outlive: check: clean.*/0/p' err
}

gate --explain -- "$PROGS/check_lsan"
is "the program's own suppressions hold" "$(findings)" 1
like "and are named" "$(cat err)" 'of opened_for_ever: fd:\^opened_for_ever\$, .*/check_lsan: __lsan_default_suppressions:2'
like "what they do not name counts" "$(cat err)" '^ +forgotten  check_lsan\.c:'

cat > all.supp << 'EOF'
# a comment
leak:libfoo.so
fd:function=^forgotten$
fd:file=nowhere.c
EOF
gate --suppressions all.supp -- "$PROGS/check_lsan"
is "a file of suppressions" "$? $(findings)" "0 0"
like "those that matched nothing are told" "$(cat err)" '^2 of 3 suppressions matched nothing'
gate --explain --suppressions all.supp -- "$PROGS/check_lsan"
like "--explain: which were used" "$(cat err)" 'suppression used: 1 finding, 1 in all: fd:function=\^forgotten\$ \(all\.supp:3\)'
like "and which not" "$(cat err)" 'suppression not used: leak:libfoo\.so \(all\.supp:2\)'
echo 'fd:^new_one$' > more.supp
gate --suppressions all.supp --suppressions=more.supp -- "$PROGS/check_lsan" more
is "several files" "$?" 0
for part in 'module=check_lsan$' 'file=check_lsan.c' 'forgot*n' check_lsan; do
  echo "fd:$part" > one.supp
  gate --suppressions one.supp -- "$PROGS/check_lsan"
  is "fd:$part" "$?" 0
done
# What a suite has set for LeakSanitizer.
lsan() {
  LSAN_OPTIONS=$1
  shift
  export LSAN_OPTIONS
  gate "$@"
  status=$?
  unset LSAN_OPTIONS
}
lsan suppressions=all.supp:print_suppressions=1 -- "$PROGS/check_lsan"
is "LSAN_OPTIONS: its suppressions hold" "$status $(findings)" "0 0"
like "and are listed" "$(cat err)" 'suppression used: 1 finding, 1 in all: fd:function=\^forgotten\$ \(all\.supp:3\)'
like "which is told" "$(cat err)" '^LSAN_OPTIONS: heeded: suppressions=all.supp, print_suppressions=1$'
lsan exitcode=23:report_objects=1 -- "$PROGS/check_lsan"
is "its status" "$status" 23
like "what it cannot have is told, too" "$(cat err)" '^LSAN_OPTIONS: heeded: exitcode=23; not heeded: report_objects=1$'
lsan exitcode=23 --error-exitcode=24 -- "$PROGS/check_lsan"
is "a flag wins" "$status" 24
lsan exitcode=0 -- "$PROGS/check_lsan"
is "status 0: findings are no failure" "$status $(findings)" "0 1"
lsan detect_leaks=0 -- "$PROGS/check_heap" lost
is "detect_leaks=0: the heap is not looked at" "$status $(findings)" "0 0"
lsan detect_leaks=0 --heap lost -- "$PROGS/check_heap" lost
is "unless a flag says so" "$status $(findings)" "1 1"
lsan suppressions=nowhere.supp -- "$PROGS/check_lsan"
is "a file that is not there fails nothing" "$status $(findings)" "1 1"
like "but is told" "$(cat err)" 'not heeded: suppressions=nowhere.supp \(not to be read from this folder\)'

echo 'thread:^forgotten$' > one.supp
gate --suppressions one.supp -- "$PROGS/check_lsan"
is "a rule of another kind does not hold" "$?" 1
printf 'fd:forgotten\nheap:x\n' > bad.supp
gate --suppressions bad.supp -- "$PROGS/check_lsan"
is "a file that is wrong: the command does not run" "$?" 3
like "its line is named" "$(cat err)" 'bad\.supp:2: a line is leak:, thread:, timer:, fd: or idle:'
is "and nothing is left" "$(find . -name 'outlive-check.*' -newer bad.supp | wc -l)" 0

gate --generate-suppressions new.supp -- "$PROGS/kind_left"
gate --suppressions new.supp -- "$PROGS/kind_left"
is "generated suppressions accept all of it" "$(findings)" 0
is "they are of all kinds" "$(grep -oE '^(fd|thread|timer):' new.supp | sort -u | tr '\n' ' ')" "fd: thread: timer: "

gate -- dash -c 'exec 7< /dev/null; exit 0'
is "a shell keeps what its script has opened" "$(findings)" 0
gate --explain -- dash -c 'exec 7< /dev/null; exit 0'
like "by a rule that says so" "$(cat err)" 'fd:/bin/dash\$, a shell keeps its script'
gate --no-builtin -- dash -c 'exec 7< /dev/null; exit 0'
is "--no-builtin: it counts" "$(findings)" 1
gate -- sh -c 'seq 100 | tac > /dev/null'
is "a program of the system, on the way" "$(findings)" 0
gate --explain -- sh -c 'seq 100 | tac > /dev/null'
like "which is said" "$(cat err)" 'fd:\(any\), a program of the system'
gate --only tac -- sh -c 'seq 100 | tac > /dev/null'
is "who names it means it" "$(findings)" 1
cp "$(command -v tac)" mine
gate -- sh -c 'seq 100 | ./mine > /dev/null'
is "a program of the user's own is not the system's" "$(findings)" 1

# Baselines.
gate --baseline known.json -- sh -c ': > ran'
is "a baseline that is not there: the command does not run" "$? $(ls ran 2> /dev/null)" "3 "
gate --baseline known.json --accept-new -- "$PROGS/check_lsan"
is "is made on request" "$? $(jq -c '[.findings[] | .stack[0]]' known.json)" '0 ["forgotten (check_lsan)"]'
gate --baseline known.json -- "$PROGS/check_lsan"
is "what it knows passes" "$?" 0
gate --baseline known.json -- "$PROGS/check_lsan" more
is "what is new does not" "$? $(findings)" "1 1"
like "that alone" "$(cat err)" '^ +new_one  check_lsan\.c:'
gate --baseline known.json -- sh -c '"$0"; "$0"' "$PROGS/check_lsan"
is "more of the same does not" "$?" 1
like "with what is known" "$(cat err)" 'fd open: 2 descriptors \(the baseline knows 1\)'
cp known.json before.json
gate --baseline known.json --update-baseline -- "$PROGS/check_lsan" more
is "an update does not take in what is new" "$? $(cmp known.json before.json && echo same)" "1 same"
gate --baseline known.json -- true
like "what has gone is told" "$(cat err)" 'known\.json: 1 of its entries occur less often'
gate --baseline known.json --update-baseline -- /sbin/ldconfig --version
is "a run that saw nothing takes nothing out" "$? $(cmp known.json before.json && echo same)" "4 same"
gate --baseline known.json --update-baseline -- true
is "an update takes it out" "$(jq -c .findings known.json)" "[]"
echo '{"outlive_baseline": 1, "findings": [' > known.json
gate --baseline known.json -- "$PROGS/check_lsan"
is "a baseline that is broken" "$?" 3
gate --update-baseline -- true
is "an update of none: usage" "$?" 2
done_testing
