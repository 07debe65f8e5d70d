#!/bin/sh
# diff --live takes both snapshots itself.
. "$(dirname "$0")/lib.sh"
need /usr/bin/python3 jq script

# Grows by a block of a million bytes every 20 ms; ends when told to.
cat > grow.py << 'END'
import signal, time
kept = []
go_on = True
def end(*_):
    global go_on
    go_on = False
signal.signal(signal.SIGTERM, end)
while go_on:
    kept.append(bytearray(1000000))
    time.sleep(0.02)
END
mkdir snaps
export OUTLIVE_OPTIONS="out=$PWD/snaps"
LD_PRELOAD=$LIB background /usr/bin/python3 grow.py
unset OUTLIVE_OPTIONS
python=$pid
wait_for ready "$python"
sleep 0.5
status_is "diff --live" 0 "$OUTLIVE" diff --json --live "$python" --for 500ms
is "two snapshots, the second is the later one" \
  "$(jq -c '[.same_run, .snapshot.sequence - .base.snapshot.sequence, (.since_ns >= 500000000)]' out)" '[true,1,true]'
is "what grew in between" "$(jq -c '.rows[0].alloc_space >= 1000000' out)" true
is "survivors have an age" "$(jq -c '.rows[0].age_ns.max <= .since_ns + 100000000' out)" true
is "and the files are named" "$(sed -n 's/^[AB]: //p' err | xargs ls | wc -l)" 2
unlike "no count-down without a terminal" "$(cat err)" 'second snapshot in'
script -qec "'$OUTLIVE' diff -n 1 --live $python --for 2500ms" typescript > /dev/null 2>&1
like "on a terminal it counts down" "$(tr '\r' '\n' < typescript)" 'second snapshot in [12]\.0 s'
status_is "a file beside --live is wrong" 2 "$OUTLIVE" diff --live "$python" x.snap
status_is "a time that is none" 2 "$OUTLIVE" diff --live "$python" --for soon
status_is "a pid that is not there" 3 "$OUTLIVE" diff --live 4194999 --for 1s

# As soon as the first one is there.
before=$(snaps snaps | wc -l)
more_snapshots() { [ "$(snaps snaps | wc -l)" -gt "$before" ]; }
(wait_for more_snapshots; kill "$python") &
status_is "a process that ends in between" 0 "$OUTLIVE" diff --json --live "$python" --for 60s
is "its last snapshot is the second" "$(jq -r .snapshot.reason out)" "at exit"
done_testing
