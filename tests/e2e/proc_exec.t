#!/bin/sh
# An image that is replaced writes its last snapshot before, and lives on when the exec fails.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/proc.sh"
need perl python3 bash

same chain "$PROGS/proc_family" chain
step='exec live=3 | '
is "every exec function writes; the last image exits" "$(facts chain)" \
  "$step$step$step$step$step$step$step$step${step}exit status=9 live=3"
is "of one process, and none is replaced" \
  "$(snaps chain | sed 's/.*\.\([0-9]*\)\.[0-9]*\.snap/\1/' | uniq -c | awk '{ print $1 }')" 10

same exec-fails "$PROGS/proc_family" exec-fails
like "an exec that fails does not take the last snapshot away" "$(facts exec-fails)" 'exit status=0 live=3$'
unlike "no snapshot for a file that is not there" "$(facts exec-fails)" '^(exec[^|]*\| ){5}'

same shell bash -c 'ls /etc; ls /etc'
is "a shell: itself and its commands, not the forks between" \
  "$(snaps shell | sed 's/.*outlive\.\([a-z]*\)\..*/\1/' | sort | tr '\n' ' ')" "bash ls ls "

same cleared env -i "$PROGS/proc_end"
is "an environment that is cleared loses us: env alone wrote" "$(facts cleared)" "exec"
# By a raw system call, which no hook sees: a request that comes at that moment must not be the end of what it becomes.
mkdir rawexec
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/rawexec,keep=0 "$PROGS/proc_rawexec" 60 > rawexec.out 2>&1 &
pid=$!
pids="$pids $pid"
while alive "$pid"; do
  "$OUTLIVE" snapshot --timeout 20s "$pid" >> rawexec.asked 2>&1
done
wait "$pid"
is "raw exec, 60 times, asked all the while: it lives" "$? $(cat rawexec.out)" "0 done"
like "it was asked" "$(cat rawexec.asked)" .
is_whole() { [ -z "$(find rawexec -type f ! -name '*.snap')" ]; }
readable() { for f in rawexec/*.snap; do [ ! -e "$f" ] || "$OUTLIVE" info "$f" || return 1; done; }
ok "nothing half written is left" wait_for is_whole
ok "and each file can be read" readable
done_testing
