#!/bin/sh
# SIGKILL at any moment, KILLS (200) times: nothing of the process runs then, so every file under its final name must be whole,
# and tell of a later moment than the one before it. And FRESH (20) times by each of four ways, fewer by the slow ones, at
# moments that the program writes down itself: the last file must be no older than it was to be. 86 make 201 (make soak).
. "$(dirname "$0")/lib.sh"
need perl /usr/bin/python3

kills=${KILLS:-200}
fresh=${FRESH:-20}
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

# ---- how old is the last one ----
cat > fresh.py << 'PY'
"""fresh.py growth|interval|cpu|oom COUNT: kills proc_paced that often, wherever it is; prints how often what was lost is more
than a step, how many files are not whole or missing, and all ways in which it ended. Of the files it keeps none."""
import glob, json, os, random, resource, shutil, signal, struct, subprocess, sys, time
how, count = sys.argv[1], int(sys.argv[2])
MB, r = 1 << 20, random.Random(20261122)
STEP, INTERVAL = MB, 30_000_000
option = "growth=1M" if how in ("growth", "oom") else "interval=30ms"
outlive, lib, progs = (os.environ[k] for k in ("OUTLIVE", "LIB", "PROGS"))
old = bad = n_files = 0
oldest = 0.0
ends = set()
for run in range(count):
    folder = "%s.%d" % (how, run)
    os.mkdir(folder)
    env = dict(os.environ, LD_PRELOAD=lib, OUTLIVE_OPTIONS="out=%s,%s,keep=0,quiet=yes" % (os.path.abspath(folder), option))
    def limits():
        if how == "cpu":
            resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
        if how == "oom":
            open(os.environ["CGROUP"] + "/tasks", "w").write(str(os.getpid()))
    child = subprocess.Popen([progs + "/proc_paced", folder + "/progress"], env=env, preexec_fn=limits)
    # So late that there are files, and at no time that has to do with theirs.
    at, start = r.randrange(2 * MB, 9 * MB) if how == "growth" else r.randrange(50_000_000, 400_000_000), time.monotonic()
    while how in ("growth", "interval") and time.monotonic() - start < 60:
        if os.path.exists(folder + "/progress") and os.path.getsize(folder + "/progress"):
            live, when, begun = struct.unpack("<QQQ", open(folder + "/progress", "rb").read(24))
            if (live if how == "growth" else begun and when - begun) >= at:
                break
        time.sleep(r.random() / 1000)
    if how in ("growth", "interval"):
        child.send_signal(signal.SIGKILL)
    ends.add(child.wait())
    live, when, begun = struct.unpack("<QQQ", open(folder + "/progress", "rb").read(24))
    files = sorted(glob.glob(folder + "/outlive.*.snap"), key=lambda f: int(f.split(".")[-2]))
    top = json.loads(subprocess.check_output([outlive, "top", "--json", "-n", "1", files[-1]])) if files else None
    if option[0] == "g":
        # The size is looked at when it has changed by a sixteenth of a step.
        lost, most = live - (top["totals"]["heap"]["inuse_space"] if top else 0), STEP + STEP // 16 + 8192
    else:
        # The clock is looked at 240 times a second.
        lost, most = when - (top["snapshot"]["time_ns"] if top else begun), INTERVAL + 2 * 4_200_000
    for file in files:
        bad += subprocess.run([outlive, "info", file], stdout=subprocess.DEVNULL).returncode != 0
    n_files += len(files)
    oldest = max(oldest, lost / most)
    shutil.rmtree(folder)
    if lost > most:
        old += 1
        print("# run %d: %d of %d lost, %d at most" % (run, lost, live, most))
print("# %s: %d files; the most that was lost is %.2f of what may be" % (how, n_files, oldest))
print(count, old, bad + (n_files < count), *ends)
PY
export OUTLIVE
for how in growth interval; do
  /usr/bin/python3 fresh.py $how "$fresh" > $how.out 2>&1
  is "$fresh kills: all files are whole, the last is no older than the $how" "$(tail -n 1 $how.out)" "$fresh 0 0 -9"
  grep '^#' $how.out
done
/usr/bin/python3 fresh.py cpu $((fresh / 10)) > cpu.out 2>&1
is "$((fresh / 10)) killed by the limit of processor time: the same" "$(tail -n 1 cpu.out)" "$((fresh / 10)) 0 0 -9"
grep '^#' cpu.out
CGROUP=/sys/fs/cgroup/memory/outlive-test.$$
export CGROUP
if mkdir "$CGROUP" 2> mkdir.err && echo 24M > "$CGROUP/memory.limit_in_bytes"; then
  /usr/bin/python3 fresh.py oom $((fresh / 4)) > oom.out 2>&1
  is "$((fresh / 4)) killed by the limit of a cgroup's memory: the same" "$(tail -n 1 oom.out)" "$((fresh / 4)) 0 0 -9"
  grep '^#' oom.out
else
  note "no cgroup can be made here: $(cat mkdir.err)"
fi
empty() { rmdir "$CGROUP" 2> mkdir.err || [ ! -d "$CGROUP" ]; }
wait_for empty

left=$(find snaps -name '.*' -o -name '*.tmp' | wc -l)
note "$left files were being written when their process died"
done_testing
