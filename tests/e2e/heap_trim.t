#!/bin/sh
# snapshot --trim: what the allocator caches is given back before the snapshot, in a heap call of the program, whichever
# allocator it is; what was given back is said. A process that makes no heap call is told to be idle, and still answers.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq /usr/bin/python3 redis-check-rdb redis-cli sqlite3
GIVEN='^trim: [0-9.]+ [kMG]?B given back \([0-9.]+ [kMG]?B resident before, [0-9.]+ [kMG]?B after\)$'

# Holds little of what it had, in pages that are all in use in part, and goes on with its work in four threads.
cat > cache.py << 'END'
import threading, time
d = [b"x" * (600 + i % 700) for i in range(20000)]
kept = d[::3000]
del d
print("ready", flush=True)
def work():
    while True:
        a = [b"y" * 1000 for _ in range(100)]
        time.sleep(0.01)
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
time.sleep(1000)
END

given_back() {
  jq '.audit | .trim_rss_before - .trim_rss_after' info.json
}

lib=/usr/lib/x86_64-linux-gnu
for allocator in "" $lib/libjemalloc.so.2 $lib/libtcmalloc_minimal.so.4 $lib/libtcmalloc.so.4 $lib/libmimalloc.so.2; do
  name=$(basename "${allocator:-libc}")
  PYTHONMALLOC=malloc LD_PRELOAD="$LIB $allocator" OUTLIVE_OPTIONS="out=$PWD/$name" \
    background /usr/bin/python3 cache.py
  wait_for grep -q ready "$pid.log"
  status_is "$name: status" 0 "$OUTLIVE" snapshot --trim "$pid"
  note "$name: $(head -n 1 out)"
  "$OUTLIVE" info --json "$(tail -n 1 out)" > info.json
  case $name in
    # It gives back what the calling thread's heap has, and another thread may have been the one.
    libmimalloc*) GIVES=$GIVEN'|^trim: nothing given back' least=0 ;;
    *) GIVES=$GIVEN least=4000000 ;;
  esac
  like "$name: what was given back" "$(head -n 1 out)" "$GIVES"
  ok "$name: the snapshot has it, too; it is memory of the heap" [ "$(given_back)" -ge $least ]
  status_is "$name: without --trim" 0 "$OUTLIVE" snapshot "$pid"
  is "$name: nothing is said" "$(wc -l < out)" 1
  "$OUTLIVE" info --json "$(cat out)" > info.json
  is "$name: nor is there a figure" "$(jq -c '.audit | [.trim_rss_before, .trim_rss_after]' info.json)" "[null,null]"
  is "$name: it lives" "$(kill -0 "$pid" && echo yes)" yes
  stop_pid "$pid"
done

# Debian's redis-server is linked with jemalloc. It is asked while it serves.
ln -s "$(command -v redis-check-rdb)" redis-server # redis-tools has the server, by the name that it is called by
LD_PRELOAD=$LIB OUTLIVE_OPTIONS="out=$PWD/redis" start_server ./redis-server --port PORT --save '' --appendonly no \
  --enable-debug-command yes
server=$pid
redis-cli -p "$port" debug populate 100000 key 300 > /dev/null
redis-cli -p "$port" config set activedefrag no > /dev/null 2>&1
redis-cli -p "$port" flushall > /dev/null
background sh -c "while redis-cli -p $port set a b; do sleep 0.05; done"
client=$pid
status_is "redis: status" 0 "$OUTLIVE" snapshot --trim "$server"
note "redis: $(head -n 1 out)"
like "redis: what was given back, or that it was nothing" "$(head -n 1 out)" '^trim: ([0-9.]+ [kMG]?B|nothing) given back \('
"$OUTLIVE" info --json "$(tail -n 1 out)" > info.json
ok "redis: jemalloc was asked" jq -e '.audit | .trim_rss_before >= .trim_rss_after and .trim_rss_after > 0' info.json
is "redis: it serves" "$(redis-cli -p "$port" ping)" PONG
stop_pid "$client"
stop_pid "$server"

# sqlite3 at a prompt: idle first, so that there is nothing it could be trimmed in.
mkfifo statements
# shellcheck disable=SC2016
background sh -c 'export LD_PRELOAD="$0" OUTLIVE_OPTIONS="out=$1"; exec sqlite3 :memory: < statements' "$LIB" "$PWD/sqlite"
sqlite=$pid
exec 8> statements
cat >&8 << 'END'
CREATE TABLE t(a);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
  INSERT INTO t SELECT hex(zeroblob(400)) FROM n;
DROP TABLE t;
VACUUM;
SELECT 'done';
END
wait_for grep -q done "$sqlite.log"
status_is "idle: the snapshot is there" 0 "$OUTLIVE" snapshot --trim "$sqlite"
like "idle: but it says that nothing was trimmed" "$(head -n 1 out)" '^trim: not done: .* made no heap call'
ok "idle: the path is the last line" [ -s "$(tail -n 1 out)" ]
background "$OUTLIVE" snapshot --trim "$sqlite"
asker=$pid
# It has asked at some moment, and is answered in the next call.
answered() {
  echo "SELECT count(*) FROM sqlite_master;" >&8
  grep -q '^/' "$asker.log"
}
wait_for answered
like "sqlite3: what was given back" "$(head -n 1 "$asker.log")" '^trim: ([0-9.]+ [kMG]?B|nothing) given back \('
note "sqlite3: $(head -n 1 "$asker.log")"
exec 8>&-

status_is "a process that has ended" 3 "$OUTLIVE" snapshot --trim 4194999
done_testing
