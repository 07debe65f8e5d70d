#!/bin/sh
# What a gate saves in processes that soon end must not be missing where one of them lives on, and is asked.
. "$(dirname "$0")/lib.sh"

background "$OUTLIVE" run --check -- "$PROGS/short_idle"
gate=$pid
wait_for pgrep -P "$gate" -x short_idle
pid=$(pgrep -P "$gate" -x short_idle)
wait_for grep -q '^SigCgt:.f' "/proc/$pid/status"
has_none() { ! has_page "$1"; }
ok "a process that has ended soon would have needed no page" has_none "$pid"
status_is "one that has idled since it began can be asked" 0 "$OUTLIVE" snapshot "$pid"
snapshot=$(tail -n 1 out)
like "for a snapshot" "$snapshot" '/outlive\.short_idle\.[0-9]+\.1\.snap$'
"$OUTLIVE" info --json "$snapshot" > info.json
is "which tells the program" "$(jq -r .snapshot.exe info.json)" "$(readlink -f "$PROGS/short_idle")"
is "and its arguments" "$(jq -r .snapshot.cmdline info.json)" "$PROGS/short_idle"
ok "it has a page now" has_page "$pid"
status_is "so it can be asked for more" 0 "$OUTLIVE" snapshot --reach "$pid"
kill "$pid"
wait "$gate"
is "how it ended is known, though it has snapshots, and leaves nothing" "$?" 143
like "so it is clean" "$(cat job1.log)" '^outlive: check: clean: 1 process; the command was ended by signal 15'
ok "and its page is gone" [ ! -e "/dev/shm/outlive.$pid.ctl" ]
done_testing
