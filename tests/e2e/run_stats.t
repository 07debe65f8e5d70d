#!/bin/sh
# outlive run: the status line on a terminal, and --stats.
. "$(dirname "$0")/lib.sh"
need script stty

# ---- --stats ----
for bad in x 0 -1s 10ms 5s, ',file' ''; do
  status_is "--stats '$bad'" 2 "$OUTLIVE" run --stats "$bad" -- true
done
like "an example is given" "$(cat err)" '5s,stats.txt'
status_is "no such folder" 2 "$OUTLIVE" run --stats 1s,no/file -- true
background "$OUTLIVE" run --out o --stats 200ms,stats.txt -- "$PROGS/serve_loop" 3
run=$pid
enough() { [ "$(grep -c HeapObjects stats.txt)" -ge 12 ]; }
ok "a line each so long" wait_for enough
stop_pid "$run"
is "the command's own end" "$status" 143
cat > check.py <<'PY'
import re, sys
rows = [dict(f.split(" = ") for f in line.rstrip("\n").split("\t")[1:]) for line in open(sys.argv[1])]
rows = [{k: int(v) for k, v in r.items()} for r in rows]
known = [r for r in rows if "Alloc" in r]
assert all(r["RSS"] > 100000 and r["Threads"] >= 1 and r["FDs"] >= 3 for r in rows), rows
for a, b in zip(known, known[1:]):
    assert a["Mallocs"] <= b["Mallocs"] and a["TotalAlloc"] <= b["TotalAlloc"] and a["Frees"] <= b["Frees"], (a, b)
assert known[0]["Mallocs"] < known[-1]["Mallocs"], known
assert all(r["HeapObjects"] == r["Mallocs"] - r["Frees"] for r in known)
assert max(r["Threads"] for r in rows) >= 3
print(known[-1]["Mallocs"], known[-1]["TotalAlloc"])
PY
ok "figures that hold together" /usr/bin/python3 check.py stats.txt
read -r mallocs bytes < out
"$OUTLIVE" top --json "$(snaps o)" > top.json
ok "no more than the snapshot at the end has" [ "$mallocs" -le "$(json top.json 'd["totals"]["heap"]["alloc_objects"]')" -a \
  "$bytes" -le "$(json top.json 'd["totals"]["heap"]["alloc_space"]')" ]
ok "and nearly as much" [ $((mallocs * 2)) -ge "$(json top.json 'd["totals"]["heap"]["alloc_objects"]')" ]
unlike "nothing of it on stderr" "$(cat "$run.log")" 'HeapObjects'
"$OUTLIVE" run --out o2 --stats 300ms -- sleep 2 2> idle.err
like "on stderr, of a program that makes no calls" "$(cat idle.err)" '^outlive: [01]\.[0-9]s	.*Threads = 1'
"$OUTLIVE" run --out o4 --stats 300ms -- sh -c 'exec "$1" 2' sh "$PROGS/serve_loop" > exec.out 2> exec.err &
run=$!
after_exec() { grep -q 'Threads = 3' exec.err && tail -n 1 exec.err | grep -q HeapObjects; }
ok "after an exec its figures are the new program's" wait_for after_exec
stop_pid "$run"

# ---- the status line ----
export TERM=xterm
on_terminal() {
  script -qec "$1" -O typescript < /dev/null > /dev/null 2>&1
  tr '\r' '\n' < typescript
}
like "on a terminal: what it holds" "$(on_terminal "$OUTLIVE run --out o3 -- sh -c 'sleep 4; exit 3'")" \
  'outlive: [0-9.]+ s, .*RSS [0-9.]+ MB, 1 thread, [0-9]+ fds, 0 snapshots'
like "it is wiped before the summary" "$(cat -v typescript)" '\^M\^\[\[K(\^M)?(outlive: )?'
unlike "no line of it stays" "$(on_terminal "$OUTLIVE run --no-status --out o3 -- sleep 3")" 'RSS'
unlike "a program that has the terminal to itself" "$(on_terminal "$OUTLIVE run --out o3 -- sh -c 'stty raw; sleep 4; stty sane'")" 'RSS'
export TERM=dumb
unlike "a terminal that cannot" "$(on_terminal "$OUTLIVE run --out o3 -- sleep 3")" 'RSS'
export TERM=xterm
unlike "a file is no terminal" "$("$OUTLIVE" run --out o3 -- sleep 3 2>&1)" 'RSS'
done_testing
