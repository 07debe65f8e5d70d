#!/bin/sh
# Debian's Prometheus scrapes outlive serve, and its alert on threads fires; rules and dashboard name what is there.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/serve.sh"
need prometheus promtool curl jq
export XDG_CACHE_HOME="$PWD/cache"
rules=$ROOT/scripts/prometheus
board=$ROOT/scripts/grafana/outlive.json

# ---- the files ----
ok "rules: promtool has no complaint" promtool check rules "$rules/outlive.yml"
ok "rules: they fire when they should, and not else" promtool test rules "$rules/outlive.test.yml"
names=$(sed -n 's/^[[:blank:]]*M("\([a-z_]*\)", "[a-z]*", "\([a-z]*\)".*/\1 \2/p' "$ROOT/analyzer/out_prometheus.c" |
  awk '{ print "outlive_" $1 ($2 == "counter" ? "_total" : "") }')
ok "the writer has metrics" [ "$(printf '%s\n' "$names" | wc -l)" -ge 20 ]
for file in "$rules/outlive.yml" "$rules/outlive.test.yml" "$board"; do
  used=$(grep -oE 'outlive_[a-z_]+' "$file" | sort -u)
  ok "$(basename "$file") uses some" [ "$(printf '%s\n' "$used" | wc -l)" -ge 5 ]
  is "and none that there is not" "$(printf '%s\n' "$used" | while read -r name; do
    printf '%s\n' "$names" | grep -qx "$name" || echo "$name"
  done)" ""
done
ok "dashboard: JSON with panels that have a place, a title and a query" jq -e '(.panels | length) > 5 and
  (.panels | all(.title and .gridPos.w and (.targets | length) > 0 and (.targets | all(.expr))))' "$board"
is "no two panels have one number" "$(jq '[.panels[].id] | length - (unique | length)' "$board")" 0
jq -r '.panels[].targets[].expr' "$board" | sed 's/\$__rate_interval/5m/g; s/\$[a-z]*/x/g' |
  awk '{ gsub(/"/, "\\\""); print "- record: r" NR "\n  expr: \"" $0 "\"" }' |
  sed '1i groups:\n- name: x\n  rules:' | sed '4,$s/^/  /; 3s/$//' > board.yml
sed -i 's/^- record/  - record/; s/^  expr/    expr/' board.yml
ok "dashboard: Prometheus understands each query" promtool check rules board.yml

# ---- a real one ----
background env LD_PRELOAD="$LIB" OUTLIVE_OPTIONS="out=$PWD/s" "$PROGS/serve_loop" 1000
target=$pid
wait_for test -s "$target.log"
serve "$target"
# The rule as it is shipped, with seconds for minutes.
sed 's/\[10m:30s\]) \* 600 > 5/[10s:1s]) * 10 > 3/; s/\[1h:1m\]/[30s:1s]/; s/for: 10m/for: 2s/' "$rules/outlive.yml" > fast.yml
ok "the alert was made fast" sh -c '! cmp -s fast.yml "$1"' sh "$rules/outlive.yml"
address=${url#http://}
cat > prometheus.yml << CONF
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [fast.yml]
scrape_configs:
  - job_name: outlive
    static_configs: [{targets: ["${address%/}"]}]
CONF
ok "its configuration" promtool check config prometheus.yml
start_server prometheus --config.file=prometheus.yml --storage.tsdb.path="$PWD/data" --web.listen-address=127.0.0.1:PORT \
  --log.level=warn
prometheus=http://127.0.0.1:$port
query() { curl -sS -G -m 20 --data-urlencode "query=$1" "$prometheus/api/v1/query" | jq -r '.data.result[0].value[1]'; }
is_up() { [ "$(query 'up{job="outlive"}')" = 1 ]; }
ok "it scrapes" wait_for is_up
has_age() { [ "$(query 'outlive_snapshot_age_seconds < 30')" != null ]; }
ok "what it has is fresh" wait_for has_age
ok "live bytes are there" [ "$(query 'outlive_live_bytes{kind="heap"}')" -gt 0 ]
like "as OpenMetrics" "$(curl -sS "$prometheus/api/v1/targets/metadata?metric=outlive_allocated_bytes" | jq -c '.data[0]')" '"unit":"bytes"'
fires() {
  curl -sS "$prometheus/api/v1/alerts" |
    jq -e '.data.alerts[] | select(.labels.alertname == "ThreadsGrow" and .state == "firing" and .labels.command == "serve_loop")'
}
ok "threads that grow: the alert fires" wait_for fires
stop_pid "$target"
is_down() { [ "$(query 'up{job="outlive"}')" = 0 ]; }
ok "a program that ended is down" wait_for is_down
done_testing
