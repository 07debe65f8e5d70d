#!/bin/sh
# Two snapshots of a compiler, 80,000 stacks each, are compared in memory under 4 times their files, and what looks at
# 200 snapshots needs no more memory than for a few.
. "$(dirname "$0")/lib.sh"
need g++ /usr/bin/python3

# The largest resident size of the analyzer, less what it needs for next to nothing, in bytes.
peak_of() {
  /usr/bin/python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)' "$OUTLIVE" "$@"
}

cat > big.cc << 'END'
#include <map>
#include <regex>
#include <string>
bool f(const std::string &s) { return std::regex_match(s, std::regex("x+")); }
std::map<std::string, std::regex> all;
END
g++ -E big.cc -o big.ii
OUTLIVE_OPTIONS="out=$PWD/cc,growth=25%,keep=0,only=cc1plus" LD_PRELOAD=$LIB g++ -x c++-cpp-output -O1 -c big.ii -o big.o
snaps cc | tail -n 2 > last
a=$(head -n 1 last)
b=$(tail -n 1 last)
files=$(cat "$a" "$b" | wc -c)
ok "there are stacks enough" [ "$files" -gt 4000000 ]
base=$(peak_of diff "$ROOT/tests/data/v1_server_1.snap" "$ROOT/tests/data/v1_server_2.snap")
"$OUTLIVE" diff "$a" "$b" > out # names are in the cache from here on
used=$(($(peak_of diff "$a" "$b") - base))
note "diff: $((used / 1024)) kB, $((used * 100 / files)) % of the files"
ok "diff: memory under 4 times the files" [ $used -lt $((files * 4)) ]

# A file of nothing but the smallest items, which asks for the most: in bounded memory, and no step looks at each of the
# others (that took 8 s, and 0.3 s now).
/usr/bin/python3 "$ROOT/tests/e2e/makesnap.py" levels levels.snap
size=$(wc -c < levels.snap)
for verb in top tree info; do
  used=$(($(peak_of $verb levels.snap) - base))
  note "$verb of the smallest items: $((used * 100 / size)) % of the file"
  ok "$verb of the smallest items: memory under 13 times the file" [ $used -lt $((size * 13)) ]
done
cpu=$(/usr/bin/python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(int(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime * 1000))' "$OUTLIVE" top levels.snap)
note "$cpu ms"
ok "top of the smallest items: CPU" [ "$cpu" -lt 2000 ]

# A folder: its files are looked at one after the other.
mkdir few many
i=0
for snap in "$a" "$b"; do
  i=$((i + 1))
  cp "$snap" "few/outlive.cc1plus.77.$i.snap"
done
for i in $(seq 200); do
  snap=$a
  [ "$i" -gt 100 ] && snap=$b
  ln "$snap" "many/outlive.cc1plus.77.$i.snap" || cp "$snap" "many/outlive.cc1plus.77.$i.snap"
done
few=$(peak_of diff few)
many=$(peak_of diff many)
note "diff of a folder: $((few / 1024)) kB of 2 snapshots, $((many / 1024)) kB of 200"
ok "diff of a folder of 200: no more than of 2, and 5 %" [ "$many" -lt $((few + few / 20)) ]
done_testing
