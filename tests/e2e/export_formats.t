#!/bin/sh
# Exports beside pprof and folded: well-formed, their figures those of top and diff, hostile names escaped.
. "$(dirname "$0")/lib.sh"
need jq promtool
export XDG_CACHE_HOME="$PWD/cache"
for what in hostile before after; do /usr/bin/python3 "$ROOT/tests/e2e/makesnap.py" $what $what.snap; done
LD_PRELOAD=$LIB OUTLIVE_OPTIONS="out=$PWD/s" "$PROGS/kind_left" > out 2>&1
snap=$(snaps s)
export_as() { "$OUTLIVE" export --format "$@"; }

# ---- which go where ----
ok "svg: a file of the snapshot's name" export_as svg after.snap
is "which is printed" "$(cat out)" after.svg
ok "speedscope" export_as speedscope after.snap
is "is" "$(cat out)" after.speedscope.json
ok "perfetto" export_as perfetto "$snap"
is "is named" "$(cat out)" "$(basename "$snap" .snap).trace.json"
ok "another kind of things" export_as svg --kind fds "$snap"
is "has its name" "$(cat out)" "$(basename "$snap" .snap).fds.svg"
status_is "no such format" 2 export_as speedscop after.snap
like "the nearest is named" "$(cat err)" 'did you mean speedscope'
status_is "a difference as pprof" 2 export_as pprof --base before.snap after.snap
like "pprof takes it itself" "$(cat err)" 'diff_base'
status_is "metrics of one kind" 2 export_as prometheus --kind fds "$snap"
for format in svg speedscope perfetto prometheus json; do
  status_is "$format: a full disk" 3 export_as $format -o /dev/full "$snap"
done

# ---- svg ----
well_formed() { /usr/bin/python3 -c 'import sys, xml.etree.ElementTree as e; e.parse(sys.argv[1])' "$1"; }
titles() { /usr/bin/python3 -c 'import sys, xml.etree.ElementTree as e
for t in e.parse(sys.argv[1]).iter("{http://www.w3.org/2000/svg}title"): print(t.text)' "$1"; }
ok "svg: well-formed" well_formed after.svg
like "a tooltip has name and share" "$(titles after.svg)" '^pair\+0x200: 400\.0 kB, 63\.5 %$'
ok "a difference" export_as svg --base before.snap -o diff.svg after.snap
ok "is well-formed" well_formed diff.svg
like "what grew" "$(titles diff.svg)" '^pair\+0x200: 100\.0 kB, then 400\.0 kB \(\+300\.0 kB\)$'
like "what shrank" "$(titles diff.svg)" '^pair\+0x300: 300\.0 kB, then 100\.0 kB \(-200\.0 kB\)$'
like "what stayed" "$(titles diff.svg)" '^pair\+0x400: 50\.0 kB, then 50\.0 kB \(0 B\)$'
like "red" "$(cat diff.svg)" 'hsl\(4,7'
like "blue" "$(cat diff.svg)" 'hsl\(213,6'
# 400 + 300 + 50 + 80 kB: the larger sides fill the 1180 pixels.
like "as wide as the larger side" "$(tr '<' '\n' < diff.svg | grep -A1 'pair+0x300' | head -n 1; grep 'pair+0x300' diff.svg)" 'width="426\.[0-9]"'
ok "hostile names" export_as svg -o hostile.svg hostile.snap
ok "leave it well-formed" well_formed hostile.svg
is "and make no elements" "$(grep -c '<img\|<b>' hostile.svg)" 0

# ---- speedscope: by the rules of its schema ----
cat > schema.py <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["$schema"] == "https://www.speedscope.app/file-format-schema.json"
frames = d["shared"]["frames"]
assert all(isinstance(f["name"], str) and f["name"] and set(f) <= {"name", "file", "line", "col"} for f in frames)
assert 0 <= d["activeProfileIndex"] < len(d["profiles"])
for p in d["profiles"]:
    assert p["type"] == "sampled" and p["unit"] in ("none", "bytes") and p["startValue"] == 0
    assert len(p["samples"]) == len(p["weights"]) and sum(p["weights"]) == p["endValue"]
    assert all(0 <= f < len(frames) for s in p["samples"] for f in s) and all(w > 0 for w in p["weights"])
print([(p["name"], p["endValue"]) for p in d["profiles"]], frames[d["profiles"][0]["samples"][0][0]]["name"])
PY
ok "speedscope: keeps to the schema" /usr/bin/python3 schema.py after.speedscope.json
is "four columns, outermost frame first" "$(cat out)" \
  "[('alloc_objects', 2000), ('alloc_space', 2000000), ('inuse_objects', 630), ('inuse_space', 630000)] pair+0x100"
ok "of a real program" export_as speedscope -o real.json "$snap"
ok "too" /usr/bin/python3 schema.py real.json
"$OUTLIVE" top --json "$snap" > top.json
like "the same sums as top's" "$(/usr/bin/python3 schema.py real.json)" \
  "'inuse_space', $(json top.json 'sum(k["inuse_space"] for k in d["totals"].values())')\)"
ok "hostile names" export_as speedscope -o hostile.json hostile.snap
ok "are kept to it, too" /usr/bin/python3 schema.py hostile.json

# ---- perfetto ----
trace=$(basename "$snap" .snap).trace.json
ok "perfetto: every event has what its kind needs" jq -e '.traceEvents | all(
  .ph as $p | .pid and (.name | type == "string") and (.ts >= 0) and
  (if $p == "X" then (.dur >= 0 and .tid) elif $p == "C" then (.args.value >= 0)
   elif $p == "b" or $p == "e" then (.cat and .id) elif $p == "i" then .s == "p" else $p == "M" end))' "$trace"
is "threads that ended and were not joined go on holding their stack" \
  "$(jq '[.traceEvents[] | select(.name == "ended, neither joined nor detached")] | length' "$trace")" \
  "$("$OUTLIVE" threads --json "$snap" | jq '[.rows[] | select(.leak == "unjoined") | .count] | add')"
like "a life has the stack that made it" "$(jq -c '.traceEvents[] | select(.ph == "X") | .args.created_at' "$trace")" 'thread_new kind_left.c:'
is "each descriptor that is opened ends" "$(jq '[.traceEvents[] | select(.ph == "b")] | length' "$trace")" \
  "$(jq '[.traceEvents[] | select(.ph == "e")] | length' "$trace")"
ok "two snapshots, one trace" export_as perfetto -o two.json after.snap before.snap
is "two moments" "$(jq -c '[.traceEvents[] | select(.name == "live bytes") | .args.value]' two.json)" "[510000,630000]"
is "a thread that only the earlier one had ends between them" \
  "$(jq -c '[.traceEvents[] | select(.ph == "X" and .tid == 89) | .ts, .dur]' two.json)" "[2000000,18000000]"
status_is "two processes" 3 export_as perfetto -o x.json before.snap hostile.snap

# ---- metrics ----
for file in "$snap" hostile.snap; do
  ok "prometheus: $(basename "$file")" export_as prometheus "$file"
  cp out metrics.prom
  ok "promtool has no complaint" promtool check metrics < metrics.prom
done
export_as prometheus "$snap" > metrics.prom
is "live bytes are top's" "$(sed -n 's/^outlive_live_bytes{.*kind="heap"} //p' metrics.prom)" \
  "$(json top.json 'd["totals"]["heap"]["inuse_space"]')"
is "leaks are those of the residue" "$(sed -n 's/^outlive_threads{.*state="unjoined"} //p' metrics.prom)" 3
ok "two processes in one" export_as prometheus before.snap hostile.snap
cp out two.prom
ok "are still one exposition" promtool check metrics < two.prom
is "told apart by labels" "$(grep -c '^outlive_uptime_seconds{command=.*,pid="[0-9]*"} ' two.prom)" 2
is "a metric's samples stand together" "$(grep -o '^outlive_[a-z_]*' two.prom | uniq | sort | uniq -d)" ""
export_as openmetrics --base before.snap after.snap > om.txt
is "openmetrics ends" "$(tail -n 1 om.txt)" "# EOF"
like "its families have no _total, its counters do" "$(cat om.txt)" '^# TYPE outlive_allocated_bytes counter$'
like "counters do" "$(cat om.txt)" '^outlive_allocated_bytes_total\{.*kind="heap"\} 2000000$'
like "growing sites" "$(cat om.txt)" '^outlive_site_growth_bytes\{.*function="\+0x200",file="",module="pair"\} 100000$'
is "few series of sites" "$(grep -c '^outlive_site_' om.txt)" "$(grep -c '^outlive_site_growth' om.txt)"
ok "a scrape by Prometheus' own rules for OpenMetrics" /usr/bin/python3 "$ROOT/tests/e2e/openmetrics.py" om.txt

# ---- json ----
export_as json "$snap" > heap.json
is "json: all rows of top" "$(json heap.json 'len(d["rows"]) == d["n_rows"]')" True
is "of a kind" "$(export_as json --kind timers "$snap" | jq .count)" "$("$OUTLIVE" timers --json "$snap" | jq .count)"
is "a difference" "$(export_as json --base before.snap after.snap | jq .same_run)" true
done_testing
