#!/bin/sh
# What `outlive run` says at the end: which files, what lives, what to type next; of this run, and of no other.
. "$(dirname "$0")/lib.sh"
need sqlite3 perl

"$OUTLIVE" run -- sqlite3 :memory: 'select 40 + 2' > out 2> err
is "the command's output is its own" "$(cat out)" 42
snap=$(snaps)
like "blocks and bytes" "$(cat err)" '^outlive: sqlite3 \(pid [0-9]+\): [0-9.k ]+ blocks, [0-9.]+ k?B live at exit$'
is "the one snapshot" "$(grep '1 snapshot' err)" "outlive: 1 snapshot: $(basename "$snap")"
next=$(sed -n 's/^outlive: next: outlive //p' err)
is "what to type" "$next" "top $(basename "$snap")"
# shellcheck disable=SC2086
ok "and it works" "$OUTLIVE" $next
unlike "nothing was lost" "$(cat err)" 'lost'

"$OUTLIVE" run -- perl -e '1' 2> err
is "files that were there are not counted" "$(grep -c '1 snapshot: outlive.perl' err)" 1

mkdir busy
background "$OUTLIVE" run --out busy -- sh -c 'while [ ! -e stop ]; do perl -e 1; done'
wait_for sh -c 'ls busy/*.snap'
"$OUTLIVE" run --out busy --depth 64 -- sqlite3 :memory: 'select 1' > out 2> err
: > stop
wait "$pid"
like "another run in the same folder is not counted" "$(cat err)" '^outlive: 1 snapshot: busy/outlive\.sqlite3\.'

"$OUTLIVE" run --out 'new %c/deep' -- sh -c 'perl -e 1; perl -e 1; true' 2> err
like "children are counted" "$(cat err)" '^outlive: 3 snapshots of 3 processes, the last: .*outlive\.sh\.'
like "in a folder that is made and named, quoted for the shell" "$(cat err)" "outlive top 'new sh/deep/outlive\.sh\."
"$OUTLIVE" run --out one --follow no -- sh -c 'perl -e 1; true' 2> err
like "without children" "$(cat err)" '^outlive: 1 snapshot: one/outlive\.sh\.'
"$OUTLIVE" run --out only --only 'perl*' -- sh -c 'perl -e 1; true' 2> err
like "a command that is left out is told" "$(cat err)" 'NOTHING WAS SEEN of .*sh .*; perhaps --only leaves it out'
like "its child is listed all the same" "$(cat err)" '^outlive: 1 snapshot: only/outlive\.perl\.'

"$OUTLIVE" run --out twice -- sh -c 'kill -TERM $$' > out 2> err
like "ended by a signal" "$(cat err)" 'live when a signal ended it$'
"$OUTLIVE" run --out becomes -- sh -c 'exec perl -e 1' > out 2> err
like "exec: the figures of what it became" "$(cat err)" '^outlive: perl \(pid [0-9]+\): .* live at exit$'
like "and the image that it was is counted, too" "$(cat err)" '^outlive: 2 snapshots of 1 process, the last: .*outlive\.perl\.'
"$OUTLIVE" run --out again -- sh -c 'exec sh -c "exec sh -c true"' > out 2> err
like "exec of the same name" "$(cat err)" '^outlive: 3 snapshots of 1 process, the last: .*\.3\.snap$'
like "its files are of three images: no difference" "$(cat err)" 'next: outlive top .*\.3\.snap$'

# Demand and end: two snapshots, so a diff.
"$OUTLIVE" run --out demand -- sh -c '"$0" snapshot $$ > asked; true' "$OUTLIVE" > out 2> err
is "outlive can ask from within" "$(wc -l < asked)" 1
next=$(sed -n 's/^outlive: next: outlive //p' err)
like "two snapshots of it: their difference" "$next" '^diff demand/outlive\.sh\.[0-9]+\.1\.snap demand/outlive\.sh\.[0-9]+\.2\.snap$'
# shellcheck disable=SC2086
ok "and that works, too" "$OUTLIVE" $next

# Nowhere to write to.
if [ "$(id -u)" != 0 ]; then
  mkdir -m 555 readonly
else
  : > readonly
fi
status_is "a folder that cannot be written: the command runs" 0 "$OUTLIVE" run --out readonly/x -- true
like "and the lack is told" "$(cat err)" 'NOTHING WAS SEEN'
done_testing
