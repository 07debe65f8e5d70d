#!/bin/sh
# Threads, timers and descriptors that a program leaves behind: each is found where it was made, what was given back is
# not, and what is new since a snapshot comes first.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

# of FILE FUNCTION KEY: that key of the rows whose stack holds the function, joined by blanks.
of() {
  jq -r --arg f "$2" "[.rows[] | select(any(.stack[]; .function == \$f)) | $3] | join(\" \")" "$1"
}

driven "$PROGS/kind_left"
hear before
ok "a first snapshot" snapshot_now
first=$snap
say go
hear after
ok "a second one" snapshot_now
second=$snap
in_task=$(ls "/proc/$pid/task" | wc -l)
in_fd=$(ls "/proc/$pid/fd" | wc -l)
"$OUTLIVE" threads --json "$second" > threads.json
"$OUTLIVE" timers --json "$second" > timers.json
"$OUTLIVE" fds --json "$second" > fds.json

is "unjoined threads" "$(of threads.json leave_unjoined '"\(.count) \(.state) \(.leak) \(.start_routine)"')" \
  "3 ended unjoined work"
is "what they hold" "$(of threads.json leave_unjoined .stack_bytes)" $((3 * $(ulimit -s) * 1024))
is "running ones: no leak while it runs" "$(of threads.json leave_running '"\(.count) \(.state) \(.leak)"')" \
  "2 running null"
is "joined ones are gone" "$(of threads.json join_all .count)" ""
is "and summed" "$(jq .given_back threads.json)" 20
is "as many threads as the kernel has" "$(jq '[.rows[] | select(.state == "running") | .count] | add' threads.json)" \
  "$in_task"
is "their tids are there" "$(jq '[.rows[].tids | length] | add' threads.json)" $((in_task + 3))
is "as many descriptors as the kernel has" "$(jq '[.rows[] | select(.type != "close")] | length' fds.json)" "$in_fd"
is "timers that exist" "$(jq -r '[.rows[].type] | sort | join(" ")' timers.json)" "posix posix timerfd"
is "one was deleted" "$(jq .given_back timers.json)" 1
is "descriptors by type" "$(of fds.json leave_fds .type | tr ' ' '\n' | sort | tr '\n' ' ')" \
  "device epoll eventfd pipe pipe socket "
is "close-on-exec" "$(of fds.json leave_fds 'select(.cloexec) | .type')" "pipe pipe"
is "a pipe's ends know each other" \
  "$(jq -r '[.rows[] | select(.type == "pipe" and .origin == "hooked")] | "\(.[0].fd == .[1].other_end) \(.[1].fd == .[0].other_end)"' fds.json)" \
  "true true"
is "and which is which" "$(of fds.json leave_fds 'select(.type == "pipe") | .names' | sed 's/[0-9]//g')" \
  "pipe:[] read end pipe:[] write end"
"$OUTLIVE" fds "$second" > fds.txt
like "for people, too" "$(cat fds.txt)" '^ +[0-9]+: pipe:\[[0-9]+\] read end, the other is [0-9]+  cloexec$'
is "a double close, with both places" "$(of fds.json close_twice '"\(.leak) \(.count) \(.before_site.function)"')" \
  "double-close 1 close_twice"
is "nothing else is a leak while it runs" "$(jq -r '[.rows[] | select(.leak) | .leak] | unique | join(" ")' fds.json)" \
  double-close

"$OUTLIVE" fds --json --base "$first" "$second" > base.json
is "new descriptors come first" "$(jq -r '.rows[0] | "\(.growth) \(.base) \(.site.function)"' base.json)" "5 0 leave_more"
is "the others have not grown" "$(jq '[.rows[] | select(.growth > 0)] | length' base.json)" 5
"$OUTLIVE" diff --json "$first" "$second" > diff.json
is "diff: threads, timers, descriptors" \
  "$(jq -c '[([.threads[].growth] | add), (.timers | length), (.fds | length)]' diff.json)" "[1,0,5]"
like "diff, for people" "$("$OUTLIVE" diff "$first" "$second")" '\+5 +5 +device .* leave_more  kind_left\.c:'
"$OUTLIVE" diff "$second" "$second" > same.txt
like "nothing new, in a line" "$(cat same.txt)" '^threads, timers, descriptors: nothing new$'

say go
wait "$pid"
last=$(snaps . kind_left | tail -n 1)
"$OUTLIVE" residue --json "$last" > residue.json
is "left running at the end" "$(of residue.json leave_running '"\(.count) \(.leak)"')" "2 running"
is "timers at the end" "$(of residue.json leave_timers 'select(.kind == "timers") | .leak' | tr ' ' '\n' | sort | tr '\n' ' ')" \
  "firing undeleted unread "
is "descriptors at the end" "$(of residue.json leave_fds .leak)" "open open open open open open"
is "findings" "$(jq .findings residue.json)" $((3 + 2 + 1 + 3 + 6 + 1 + 5 + 1))
"$OUTLIVE" residue "$last" > residue.txt
like "for people" "$(cat residue.txt)" '^ +3  unjoined +thread_new  kind_left\.c:[0-9]+  ran work; [0-9.]+ [MG]B of address space$'
like "with what to type" "$(cat residue.txt)" "^threads: 6  \\(outlive threads $last\\)\$"

# A program that gives everything back, and one that ends by exec.
"$OUTLIVE" run --out clean -- sh -c 'exec 3< /dev/null; exec 3<&-; true' > out 2> err
like "run says that nothing is left" "$(cat err)" '^threads, timers, descriptors: nothing left behind$'
"$OUTLIVE" run --out dirty -- perl -MPOSIX -e 'POSIX::open("/dev/null")' > out 2> err
like "or what" "$(cat err)" '^ +1  open '

"$OUTLIVE" rules > rules.txt
like "rules are listed with their reasons" "$(cat rules.txt)" 'thread:/libgomp\.so +OpenMP keeps'
printf 'thread:^leave_\nfd:/dev/zero\n' > my.supp
"$OUTLIVE" residue --json --suppressions my.supp "$last" > mine.json
is "a file of suppressions" "$(jq .findings mine.json)" $((1 + 3 + 6 + 1 + 1 - 1))
done_testing
