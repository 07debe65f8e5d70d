#!/bin/sh
# Snapshots asked for a hundred times a second of a program whose threads allocate, free, fork and end all the while: its books
# stay right to the byte, each asker that is answered gets a whole file of its own, and none is left half written.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq /usr/bin/python3

# Asks at fixed times, whether those before have been answered or not, up to 16 at once: "asked in-seconds", then what each printed.
cat > asks.py << 'PY'
import os, subprocess, sys, time
outlive, pid, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
asks, begin = [], time.monotonic()
while time.monotonic() - begin < seconds:
    asks.append(subprocess.Popen([outlive, "snapshot", pid], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    while sum(a.poll() is None for a in asks) >= 16:
        time.sleep(0.001)
    time.sleep(max(0, begin + len(asks) * 0.01 - time.monotonic()))
took = time.monotonic() - begin
answers = [a.communicate()[0].strip() for a in asks]
print(len(asks), round(took, 1))
print("\n".join(answers))
PY

mkdir storm
OUTLIVE_OPTIONS="out=$PWD/storm,keep=0,follow=no" LD_PRELOAD=$LIB "$PROGS/heap_soak" until-told > books 2> soak.err &
pid=$!
pids=$pid
wait_for ready "$pid"
/usr/bin/python3 asks.py "$OUTLIVE" "$pid" 3 > asked
kill -USR1 $pid
wait $pid
is "the program ends well" "$? $(cat soak.err)" "0 "
note "asked, in seconds: $(head -n 1 asked)"
sed 1d asked | sort > answers
is "each ask was answered with a file" "$(grep -vc '^/.*\.snap$' answers)" 0
is "of its own" "$(uniq -d answers)" ""
bad=
while read -r answer; do
  "$OUTLIVE" info --json "$answer" | jq -e '.audit.unknown_frees == 0' > /dev/null || bad="$bad $answer"
done < answers
is "each file is whole" "$bad" ""
is "and there are no others but the last" "$(find storm -type f | wc -l)" $(($(wc -l < answers) + 1))
ok "the last snapshot loads" top storm
mine=$(jq -r '[.rows[] | select(any(.stack[]; .function == "soak_make" or .function == "soak_grow"))] |
  map([.alloc_objects, .alloc_space, .inuse_objects, .inuse_space]) | transpose | map(add) | join(" ")' top.json)
is "the program's books are outlive's, to the byte" "$mine" "$(cat books)"
is "nothing was lost, nothing unknown" "$(jq -c '[(.audit.lost | add // 0), .audit.unknown_frees]' top.json)" '[0,0]'
done_testing
