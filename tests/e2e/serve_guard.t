#!/bin/sh
# outlive serve: who may ask; slow, broken, hostile and many clients; nothing of it reaches the program.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/serve.sh"
need curl perl
background env LD_PRELOAD="$LIB" OUTLIVE_OPTIONS="out=$PWD/s" "$PROGS/serve_loop" 2
target=$pid
wait_for test -s "$target.log"

# ---- where it listens ----
status_is "all addresses: not without a token" 2 "$OUTLIVE" serve --listen :0 "$target"
like "says so" "$(cat err)" 'can be reached from other machines: only with --token'
status_is "0.0.0.0, too" 2 "$OUTLIVE" serve --listen 0.0.0.0:0 "$target"
status_is "a short token" 2 "$OUTLIVE" serve --token abc "$target"
for where in nonsense 127.0.0.1 127.0.0.1:x 127.0.0.1:70000 example.com:80 '[::1:80' :: 'unix:'; do
  status_is "--listen $where" 2 "$OUTLIVE" serve --listen "$where" "$target"
done

# ---- a browser that was talked into it ----
serve "$target"
host() { code debug/pprof/cmdline -H "Host: $1"; }
is "by number" "$(code debug/pprof/cmdline)" 200
is "localhost" "$(host localhost:6060)" 200
is "IPv6" "$(host '[::1]:6060')" 200
for name in evil.example evil.example:6060 127.0.0.1.evil.example localhost.evil.example '[::2]' 10.0.0.1 '' '[::1'; do
  like "DNS rebinding: Host $name" "$(curl -sS -m 100 -o body -w '%{http_code}' -H "Host;" -H "Host: $name" "${url}metrics")" '^40[03]$'
done
is "a script of another site" "$(code metrics -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: no-cors')" 403
is "a link of another site" "$(code debug/pprof/cmdline -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: navigate')" 200
for method in POST PUT DELETE OPTIONS TRACE; do
  is "$method" "$(code metrics -X $method)" 405
done
is "a GET with a body" "$(code metrics -X GET -d x=1)" 400

# ---- broken clients ----
cat > talk.pl <<'PERL'
# talk.pl PORT BYTES...: sends the first word, its escapes made real, and prints the first line of the answer.
use IO::Socket::INET;
$SIG{PIPE} = "IGNORE";
my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", Timeout => 10) or die;
my $text = eval "\"$ARGV[1]\"";
print $s $text;
$s->shutdown(1);
alarm 60;
my $line = <$s>;
print $line // "closed\n";
PERL
port=${url##*:}
port=${port%/}
talk() { perl talk.pl "$port" "$1"; }
like "garbage" "$(talk '\\x16\\x03\\x01\\x00\\xff\\r\\n\\r\\n')" '^(HTTP/1.[01] 4|closed)'
like "no Host" "$(talk 'GET /metrics HTTP/1.1\r\n\r\n')" '^HTTP/1.1 400'
like "two Hosts" "$(talk 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n')" '^HTTP/1.1 400'
like "half a request" "$(talk 'GET /metr')" '^(HTTP/1.[01] 4|closed)'
like "a head of 1 MB" "$(talk 'GET / HTTP/1.1\r\nHost: localhost\r\nX: " . "a" x 1000000 . "\r\n\r\n')" '^(HTTP/1.[01] 4|closed)'
like "an address of 1 MB" "$(talk 'GET /" . "a" x 1000000 . " HTTP/1.1\r\nHost: localhost\r\n\r\n')" '^(HTTP/1.[01] 4|closed)'
like "a body that says it is endless" "$(talk 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n')" '^(HTTP/1.[01] 4|closed)'
for path in '../../../etc/passwd' '%2e%2e/%2e%2e/etc/passwd' 'debug/pprof/..%2f' '%ff%fe' '<script>'; do
  is "/$path" "$(code "$path" --path-as-is)" 404
done
unlike "no word of theirs is in an answer" "$(cat body)" 'script'
is "it answers still" "$(code metrics)" 200

# ---- slow ones: more than it has connections, each with a byte now and then ----
cat > slow.pl <<'PERL'
use IO::Socket::INET;
$SIG{PIPE} = "IGNORE";
my @all;
for (1 .. 90) {
  my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", Timeout => 10) or next;
  syswrite $s, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ";
  push @all, $s;
}
syswrite STDOUT, "ready\n";
for (1 .. 600) { sleep 1; syswrite $_, "a" for @all; }
PERL
background perl slow.pl "$port"
slow=$pid
wait_for grep -q ready "$slow.log"
is "slow loris: it still answers" "$(code debug/pprof/cmdline)" 200
stop_pid "$slow" KILL
ok "it has few descriptors" [ "$(find "/proc/$server/fd" -type l | wc -l)" -lt 100 ]

# ---- many at a time: they share what is made ----
before=$(get metrics | sed -n 's/^outlive_snapshot_sequence{.*} //p')
seq 100 | xargs -P 100 -I N curl -sS -m 100 -o /dev/null -w '%{http_code}\n' "${url}debug/pprof/heap" > codes 2> /dev/null
after=$(get metrics | sed -n 's/^outlive_snapshot_sequence{.*} //p')
is "100 clients are all answered" "$(grep -c 200 codes)" 100
note "snapshots for them: $((after - before - 1))"
ok "with few snapshots" [ $((after - before)) -lt 50 ]
is "one after the other leaves none behind" "$(snaps s | wc -l)" 0
seq 40 | xargs -P 40 -I N curl -sS -m 15 -o /dev/null -w '%{http_code}\n' "${url}debug/pprof/heap?seconds=600" > codes 2> /dev/null
ok "not all connections may wait for a difference" [ "$(grep -c 503 codes)" -ge 10 ]
is "clients that went away hold nothing up" "$(code metrics)" 200
stop_pid "$server"
is "it ends in order" "$status" 0
ok "all the while the program went on" alive "$target"

# ---- a token ----
echo "secret-token-0815" > token
serve --token-file token "$target"
is "no token" "$(code metrics)" 401
like "how to give it" "$(cat body)" 'Authorization: Bearer TOKEN'
is "another one" "$(code metrics -H 'Authorization: Bearer secret-token-0816')" 401
is "the beginning of it" "$(code metrics -H 'Authorization: Bearer secret')" 401
is "nothing" "$(code metrics -H 'Authorization: Bearer ')" 401
is "the right one" "$(code metrics -H 'Authorization: Bearer secret-token-0815')" 200
is "in the address" "$(code 'metrics?token=secret-token-0815')" 200
is "then any Host" "$(code metrics -H 'Host: server.example' -H 'Authorization: Bearer secret-token-0815')" 200
like "links carry it on, when it came in the address" "$(get 'debug/pprof/?token=secret-token-0815')" 'href="heap\?debug=1&amp;token=secret-token-0815"'
unlike "else not" "$(get debug/pprof/ -H 'Authorization: Bearer secret-token-0815')" 'secret'
stop_pid "$server"
background "$OUTLIVE" serve --listen :0 --token-file token "$target"
wait_for grep -q '^http' "$pid.log"
like "all addresses, with a token" "$(cat "$pid.log")" '^http://(0\.0\.0\.0|\[::\]):[0-9]+/$'
stop_pid "$pid"

# ---- a socket of one's own ----
background "$OUTLIVE" serve --listen "unix:$PWD/sock" "$target"
server=$pid
wait_for grep -q '^unix:' "$server.log"
is "mode" "$(stat -c %a sock)" 600
is "answers" "$(curl -sS -m 100 --unix-socket sock -o /dev/null -w '%{http_code}' http://localhost/metrics)" 200
status_is "it is taken" 3 "$OUTLIVE" serve --listen "unix:$PWD/sock" "$target"
stop_pid "$server" KILL
ok "a killed server leaves it behind" [ -S sock ]
background "$OUTLIVE" serve --listen "unix:$PWD/sock" "$target"
server=$pid
wait_for grep -q '^unix:' "$server.log"
is "the next one takes it over" "$(curl -sS -m 100 --unix-socket sock -o /dev/null -w '%{http_code}' http://localhost/metrics)" 200
stop_pid "$server"
ok "and removes it" [ ! -e sock ]
echo mine > file
status_is "a file of that name is not replaced" 3 "$OUTLIVE" serve --listen "unix:$PWD/file" "$target"
is "nor touched" "$(cat file)" mine

# ---- a program that does not answer ----
kill -STOP "$target"
serve --timeout 1s "$target"
is "stopped: told" "$(code metrics)" 503
like "why" "$(cat body)" 'is stopped'
kill -CONT "$target"
is "then it answers" "$(code metrics)" 200
kill -9 "$target"
wait "$target" 2> /dev/null
is "killed: told" "$(code metrics)" 410
stop_pid "$server"
done_testing
