#!/bin/sh
# SIGKILL at any moment, KILLS (200) times: nothing of the process runs then, so every file under its final name must be whole,
# and tell of a later moment than the one before it.
. "$(dirname "$0")/lib.sh"
need perl /usr/bin/python3

kills=${KILLS:-200}
mkdir snaps
export LIB PROGS
# Each after its first snapshot, but for one of ten.
OUTLIVE_OPTIONS="out=$dir/snaps,interval=5ms,keep=0,quiet=yes" perl -e '
  use Time::HiRes "usleep";
  my $seed = 20261121;
  for my $i (1 .. shift) {
    my $pid = fork;
    if (!$pid) {
      open STDOUT, ">", "/dev/null";
      $ENV{LD_PRELOAD} = $ENV{LIB};
      exec "$ENV{PROGS}/heap_soak", "60";
    }
    $seed = ($seed * 1103515245 + 12345) % 2147483648;
    for (my $try = 0; $i % 10 && $try < 60_000 && !-e "snaps/outlive.heap_soak.$pid.1.snap"; $try++) { usleep(1000) }
    usleep(15_000 + $seed % 70_000);
    kill 9, $pid;
    waitpid $pid, 0;
    print $? & 127, "\n";
    # What it could not take along.
    unlink "/dev/shm/outlive.$pid.ctl";
  }' "$kills" > ends
is "each of $kills runs died of SIGKILL and of nothing else" "$(sort ends | uniq -c | sed 's/^ *//')" "$kills 9"

snaps snaps > files
ok "the kills fell while snapshots were written ($(wc -l < files) files)" [ "$(wc -l < files)" -ge "$((kills * 9 / 10))" ]
bad=0
while read -r file; do
  "$OUTLIVE" info "$file" > info.out 2>&1 && continue
  bad=$((bad + 1))
  note "$file: $(head -n 3 info.out)"
done < files
is "every file on disk is whole" $bad 0

wrong=0
last_pid=
while read -r file; do
  pid_of=$(echo "$file" | awk -F. '{ print $(NF-2) }')
  now=$("$OUTLIVE" top --json -n 1 "$file" | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["totals"]["heap"]["alloc_objects"])')
  [ "$pid_of" = "$last_pid" ] && [ "$now" -lt "$last" ] && wrong=$((wrong + 1))
  last_pid=$pid_of last=$now
done << FILES
$(tail -n 40 files)
FILES
is "allocations only ever grow from one file of a process to its next" $wrong 0

left=$(find snaps -name '.*' -o -name '*.tmp' | wc -l)
note "$left files were being written when their process died"
done_testing
