#!/bin/sh
# What `go tool pprof` says of an exported snapshot is what `outlive top` says, to the byte; -diff_base included.
. "$(dirname "$0")/lib.sh"
need go sqlite3 /usr/bin/perl /usr/bin/python3

# pprof looks nothing up by itself, and keeps its temporary files here.
export PPROF_TMPDIR="$PWD/pprof" HOME="$PWD" PPROF_BINARY_PATH="$PWD/none" GOFLAGS=-mod=mod GOTOOLCHAIN=local

cat > compare.py << 'PY'
"""compare.py COLUMN TOP.json [BASE.json] < output of pprof -top: sums by function must be equal."""
import json, os, re, sys
column = sys.argv[1]

def name(row):
    site = row["site"]
    if not row["stack"]:
        return "[unknown stack]"
    if site and site["function"]:
        return site["function"]
    frame = site or row["stack"][0]
    return "[%s]" % os.path.basename(frame["module"]) if frame["module"] else "0x"

def sums(path, sign, into):
    for row in json.load(open(path))["rows"]:
        into[name(row)] = into.get(name(row), 0) + sign * row[column]

want, got = {}, {}
sums(sys.argv[2], 1, want)
if len(sys.argv) > 3:
    sums(sys.argv[3], -1, want)
total = sum(want.values())
lines = sys.stdin.read().splitlines()
table = next(i for i, l in enumerate(lines) if re.match(r"\s*flat\s+flat%", l))
for line in lines[table + 1:]:
    flat, _, _, _, _, function = line.split(None, 5)
    function = re.sub(r" \((partial-)?inline\)$", "", function)
    value = int(re.sub(r"B$", "", flat))
    if value:
        got[function] = got.get(function, 0) + value
want = {k: v for k, v in want.items() if v}
bad = [k for k in sorted(set(want) | set(got)) if want.get(k, 0) != got.get(k, 0)]
for k in bad[:10]:
    print("%s: pprof %d, outlive %d" % (k, got.get(k, 0), want.get(k, 0)))
if bad or sum(got.values()) != total or not lines:
    sys.exit("%d functions differ; sums: pprof %d, outlive %d" % (len(bad), sum(got.values()), total))
print("%d functions, %d" % (len(got), total))
PY

# pprof_top COLUMN FILES AND FLAGS...: every function, in bytes.
pprof_top() {
  sample=$1
  shift
  go tool pprof -symbolize=none -top -unit=B -nodecount=1000000 -nodefraction=0 -edgefraction=0 \
    "-sample_index=$sample" "$@" > pprof.out 2> pprof.err || note "$(cat pprof.err)"
}

sql() {
  awk -v n="$1" 'BEGIN {
    print "create table t(a integer primary key, b text); create index i on t(b);"
    for (i = 1; i <= n; i++) printf "insert into t(b) values (\047value %d\047 || hex(randomblob(%d)));\n", i, i % 50
    print "select count(*), max(b) from t group by length(b) order by 2;"
  }'
}
run_sqlite3() { sql "$1" | "$OUTLIVE" run --out "$PWD/sqlite3.$1" -- sqlite3; }
# What perl still holds at its end is freed by nobody.
run_perl() {
  "$OUTLIVE" run --out "$PWD/perl.$1" -- /usr/bin/perl -e 'our %h; $h{$_} = [("x" x $_) x 3] for 1 .. shift; s/x/yy/ for my @c = keys %h' "$1"
}

# One program twice, under other addresses: the second time it does more of the same.
for program in sqlite3 perl; do
  for n in 100 400; do
    run_$program $n > run.out 2> run.err
    snap=$(snaps $program.$n | tail -n 1)
    ok "$program $n: top" sh -c '"$1" top --json -n 0 "$2"' x "$OUTLIVE" "$snap"
    cp out $n.json
    ok "$program $n: export prints the file that it writes" "$OUTLIVE" export -o $n.pb.gz "$snap"
    is "$program $n: and nothing else" "$(cat out err)" "$n.pb.gz"
  done
  go tool pprof -symbolize=none -raw 400.pb.gz > raw.out 2>&1
  for column in alloc_objects alloc_space inuse_objects inuse_space; do
    pprof_top $column 400.pb.gz
    ok "$program $column: every function as top has it" sh -c '/usr/bin/python3 compare.py "$@" < pprof.out' x $column 400.json
    note "$(cat out)"
    pprof_top $column -diff_base 100.pb.gz 400.pb.gz
    ok "$program $column: every function's growth, over two runs" \
      sh -c '/usr/bin/python3 compare.py "$@" < pprof.out' x $column 400.json 100.json
    note "$(cat out)"
    index=$(sed -n '/^Samples:/{n;p;}' raw.out | tr ' ' '\n' | grep -n "^$column/" | cut -d: -f1)
    is "$program $column: total" "$(awk -v i="$index" '/^Samples:/ { on = 1; getline; next } /^Locations/ { on = 0 }
      on && /^ *[0-9 ]+:/ { sub(":.*", ""); sum += $i } END { printf "%d\n", sum }' raw.out)" \
      "$(json 400.json "sum(k['$column'] for k in d['totals'].values())")"
  done
  # sqlite3 gives everything back, so that its in-use columns do not grow; perl's do.
  [ $program = sqlite3 ] || like "perl's growth is not nothing" "$(cat out)" '^[0-9]+ functions, [1-9]'
done

like "Go's sample types, in Go's order" "$(sed -n '/^Samples:/{n;p;}' raw.out)" \
  '^alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes(\[dflt\])?$'
like "inuse_space is what pprof shows first" "$(go tool pprof -symbolize=none -top 400.pb.gz 2>&1)" '^Type: inuse_space'
like "the program names the report" "$(go tool pprof -symbolize=none -top 400.pb.gz 2>&1)" '^File: .*perl'
like "mappings have build ids" "$(sed -n '/^Mappings/,$p' raw.out)" '^[0-9]+: 0x[0-9a-f]+/0x[0-9a-f]+/0x[0-9a-f]+ /.*perl.* [0-9a-f]{40}'
like "comments say who" "$(go tool pprof -symbolize=none -comments 400.pb.gz 2>&1)" '^outlive [0-9.]+: pid [0-9]+, snapshot 1, /usr/bin/perl -e'

ok "another column first" "$OUTLIVE" export --column alloc_space -o other.pb.gz "$snap"
like "is what pprof then shows" "$(go tool pprof -symbolize=none -top other.pb.gz 2>&1)" '^Type: alloc_space'
"$OUTLIVE" export -o - "$snap" > stdout.pb.gz
ok "-o - is the same file" cmp stdout.pb.gz 400.pb.gz
"$OUTLIVE" export "$snap" > printed 2>&1
ok "by default in the current folder, by the snapshot's name" cmp "$(cat printed)" 400.pb.gz
is "with .pb.gz for .snap" "$(cat printed)" "$(basename "$snap" .snap).pb.gz"
status_is "no snapshot" 2 "$OUTLIVE" export
status_is "an unknown format" 2 "$OUTLIVE" export --format png "$snap"
status_is "a file that is no snapshot" 3 "$OUTLIVE" export "$0"
status_is "a folder that is not there" 3 "$OUTLIVE" export -o no/where.pb.gz "$snap"
status_is "a full disk" 3 "$OUTLIVE" export -o /dev/full "$snap"
ok "and no rest of a file is left" sh -c '! ls ./*.pb.gz.*'
done_testing
