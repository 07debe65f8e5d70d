#!/bin/sh
# outlive serve: Go's addresses for a real nginx, read by curl and by go tool pprof; folders of snapshots.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/serve.sh"
need curl nginx go promtool redis-server
mkdir s
start_nginx
"$OUTLIVE" snapshot "$target" > first.out 2>&1
serve "$target"
like "its address is said first" "$(cat "$server.log")" '^http://127\.0\.0\.1:[0-9]+/$'

# ---- what Go's users know ----
get debug/pprof/ > index.html
is "the index" "$(cat code)" 200
for name in allocs fd goroutine heap threadcreate timer; do
  like "has $name" "$(cat index.html)" "href=\"$name\?debug=1\">$name<"
done
is "the folder without its slash" "$(code debug/pprof)" 301
get "debug/pprof/heap?debug=1" > heap.txt
like "heap as text" "$(head -n 1 heap.txt)" '^heap profile: [1-9][0-9]*: [1-9][0-9]* \[[0-9]+: [0-9]+\] @ heap/2$'
like "has functions" "$(cat heap.txt)" "^#	0x[0-9a-f]+	main		"
like "and sums" "$(cat heap.txt)" '^# TotalAlloc = [1-9]'
is "its first line is the sum of its stacks" "$(sed -n '1s/heap profile: \([0-9]*\): .*/\1/p' heap.txt)" \
  "$(sed 1d heap.txt | sed -n 's/^\([0-9]*\): [0-9]* \[.*/\1/p' | paste -sd+ | bc 2> /dev/null ||
    sed 1d heap.txt | awk -F: '/^[0-9]+: [0-9]+ \[/ { n += $1 } END { print n }')"
ok "pprof reads the text" go tool pprof -top heap.txt
for kind in fd:fds threadcreate:threads timer:timers; do
  name=${kind%:*}
  get "debug/pprof/$name?debug=1" > "$name.txt"
  like "$name as text" "$(head -n 1 "$name.txt")" "^$name profile: total [0-9]+$"
  ok "pprof reads $name" go tool pprof -top "${url}debug/pprof/$name"
  like "counts" "$(cat out)" "^Type: ${kind#*:}$"
done
is "as many descriptors as the kernel has" "$(sed -n '1s/.* //p' fd.txt)" "$(find "/proc/$target/fd" -type l | wc -l)"
get debug/pprof/cmdline > cmdline
ok "the command line, as the kernel has it" cmp cmdline "/proc/$target/cmdline"
like "goroutine: all threads" "$(get 'debug/pprof/goroutine?debug=2')" '^thread [0-9]+ \[epoll'
like "goroutine: groups" "$(get 'debug/pprof/goroutine?debug=1')" 'total 1$'
for debug in 1 2; do
  like "goroutine, debug=$debug: who waits for work is told to be idle" "$(get "debug/pprof/goroutine?debug=$debug")" \
    '^# .*; idle: an event loop waits for the next event$'
done
ok "goroutine: pprof shows labels" go tool pprof -traces "${url}debug/pprof/goroutine"
like "goroutine: why it is idle is one" "$(cat out)" 'idle: *an event loop waits'
ok "goroutine: pprof" go tool pprof -top "${url}debug/pprof/goroutine"
like "one thread" "$(cat out)" 'of 1 total'
for name in profile trace block mutex nonsense; do
  is "$name is not there" "$(code "debug/pprof/$name")" 404
  like "and a sentence says why" "$(cat body)" '[a-z]{4}'
done
for bad in 'heap?seconds=x' 'heap?seconds=-1' 'heap?seconds=999999' 'heap?debug=9' 'fd?seconds=1' 'heap?seconds=1&debug=1' 'heap?pid=7'; do
  is "$bad: a mistake" "$(code "debug/pprof/$bad")" 400
done
for request in '' '-d 0x401000+0x402000'; do
  # shellcheck disable=SC2086
  is "symbol $request: nothing to add" "$(code debug/pprof/symbol $request) $(cat body)" "200 num_symbols: 0"
done
is "HEAD" "$(curl -sSI -o head.txt -w '%{http_code}' "${url}debug/pprof/heap")" 200
like "has the type" "$(cat head.txt)" '^Content-Type: application/octet-stream'

# ---- equal to a file ----
top() { go tool pprof -top -nodecount=30 "$@" 2> /dev/null | sed -n '/^Showing/,$p'; }
file=$("$OUTLIVE" snapshot "$target" | tail -n 1)
"$OUTLIVE" export -o file.pb.gz "$file" > /dev/null
top "${url}debug/pprof/heap" > over_http
ok "go tool pprof over HTTP says something" grep -q '100%' over_http
is "what it says of a file" "$(cat over_http)" "$(top file.pb.gz)"
is "allocs begins with what was allocated" "$(go tool pprof -top "${url}debug/pprof/allocs" 2> /dev/null | sed -n 's/^Type: //p')" alloc_space

# ---- since then ----
code 'debug/pprof/heap?seconds=2' > delta.code &
delta=$!
# Some of them fall between the two looks, whenever these are.
while alive $delta; do
  curl -sS "http://127.0.0.1:$target_port/" > /dev/null
  sleep 0.1
done
wait $delta
is "a difference" "$(cat delta.code)" 200
mv body delta.pb.gz
like "what requests meanwhile have allocated" "$(go tool pprof -top -sample_index=alloc_space -unit=B delta.pb.gz)" 'ngx_|nginx'
whole=$(go tool pprof -top -sample_index=alloc_objects file.pb.gz 2> /dev/null | sed -n 's/.* of \([0-9]*\) total$/\1/p')
part=$(go tool pprof -top -sample_index=alloc_objects delta.pb.gz 2> /dev/null | sed -n 's/.* of \([0-9]*\) total$/\1/p')
ok "less than all" [ "$part" -gt 0 -a "$part" -lt "$whole" ]
like "of so long" "$(go tool pprof -top delta.pb.gz 2> /dev/null)" '^Duration: [2-9]'

# ---- metrics, report ----
asked=$(clock)
get metrics > metrics.prom
answered=$(clock)
ok "metrics: promtool has no complaint" promtool check metrics < metrics.prom
like "text for who says nothing" "$(curl -sSI "${url}metrics")" '^Content-Type: text/plain; version=0\.0\.4'
like "OpenMetrics for who asks" "$(curl -sSI -H 'Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5' "${url}metrics")" \
  '^Content-Type: application/openmetrics-text; version=1\.0\.0'
get metrics -H 'Accept: application/openmetrics-text' > om.txt
ok "by Prometheus' own rules" /usr/bin/python3 "$ROOT/tests/e2e/openmetrics.py" om.txt
like "how old" "${age:=$(sed -n 's/^outlive_snapshot_age_seconds{[^}]*} \([0-9]*\)\..*/\1/p' metrics.prom)}" '^[0-9]+$'
ok "fresh: taken for who asks" [ "$age" -le $((answered - asked)) ]
curl -sS -D head.txt -o report.html "$url"
nonce=$(sed -n "s/.*script-src 'nonce-\([0-9a-f]\{32\}\)'.*/\1/p" head.txt)
ok "the report's script may run by its nonce" grep -q "<script nonce=\"$nonce\">" report.html
is "no name of a file that is gone" "$(grep -cE "/proc/self/fd/[0-9]" report.html)" 0
for header in 'X-Content-Type-Options: nosniff' 'Referrer-Policy: no-referrer' "Content-Security-Policy: default-src 'none'" \
  'Cache-Control: no-store'; do
  like "header $header" "$(cat head.txt)" "^$header"
done
unlike "no other site may read it" "$(cat head.txt)" '^Access-Control'

# ---- what it leaves ----
is "the snapshots that it asked for are gone, those that were there stay" "$(snaps s | wc -l)" 2
ok "the very ones, though keep is 2" [ -f "$(tail -n 1 first.out)" -a -f "$file" ]
stop_pid "$target"
is "nginx ends well" "$status" 0
is "an end is told" "$(code metrics)" 410
like "in words" "$(cat body)" "^process $target \(nginx\) has ended$"
stop_pid "$server"
is "SIGTERM ends the server in order" "$status" 0

# ---- a program that goes on allocating can give back what it caches ----
background env LD_PRELOAD="$LIB" OUTLIVE_OPTIONS="out=$PWD/t" "$PROGS/serve_loop" 4
target=$pid
wait_for test -s "$target.log"
serve "$target"
get metrics > first.prom
keep_grew() {
  get metrics > second.prom
  grep -q '^outlive_site_growth_bytes{.*function="keep".*} [1-9]' second.prom
}
ok "metrics: the functions that grew since the server began to look" wait_for keep_grew
like "and those that hold most" "$(cat second.prom)" '^outlive_site_live_bytes\{.*function="keep".*\} [1-9]'
ok "promtool has no complaint of both" promtool check metrics < second.prom
is "gc" "$(code 'debug/pprof/heap?gc=1')" 200
ok "is a profile" go tool pprof -top body
stop_pid "$server" INT
is "SIGINT ends the server, too" "$status" 0
ok "the program goes on" alive "$target"
serve "$target"
kill -9 "$server"
wait "$server" 2> /dev/null
ok "a server that is killed harms nobody" alive "$target"
ok "it can be asked" "$OUTLIVE" snapshot "$target"
stop_pid "$target"

# ---- a folder ----
serve s
for path in '' metrics debug/pprof/ debug/pprof/heap 'debug/pprof/fd?debug=1' debug/pprof/cmdline; do
  is "folder: /$path" "$(code "$path")" 200
done
is "another process: none such" "$(code 'debug/pprof/heap?pid=1')" 503
is "no seconds of a file" "$(code 'debug/pprof/heap?seconds=1')" 400
echo garbage > s/outlive.x.1.1.snap
is "a file that is none hides the others not" "$(code debug/pprof/heap)" 200
stop_pid "$server"

status_is "nobody is there" 3 "$OUTLIVE" serve 999999999
status_is "no library in it" 3 "$OUTLIVE" serve $$
like "says so" "$(cat err)" 'runs without liboutlive.so'

# ---- a library without any names: pprof asks the server for them, by POST and without the token ----
background env OUTLIVE_OPTIONS="out=$dir/s" LD_PRELOAD="$LIB" redis-server --port 0 --unixsocket "$dir/redis.sock" --save ''
redis=$pid
wait_for [ -S redis.sock ]
echo "secret-token-0815" > token
serve --token-file token "$redis"
for page in heap goroutine; do
  ok "stripped: pprof reads $page" go tool pprof -top "${url}debug/pprof/$page?token=secret-token-0815"
  like "stripped: $page has samples" "$(cat out)" '^Showing nodes accounting for [1-9].* total$'
done
done_testing
