# shellcheck shell=sh disable=SC2154
# redis-tools has the server's program, but no service: it looks at the name that it is called by.
ln -s "$(command -v redis-check-rdb)" redis-server
start ./redis-server --port "$port" --save '' --dir "$PWD"
for i in $(seq 2000); do echo "set key$i value$i"; done | redis-cli -p "$port" | sort | uniq -c
redis-benchmark -p "$port" -n 3000 -c 30 -q -t set,get,lpush > bench.log && echo "load done"
redis-cli -p "$port" bgsave
until_true sh -c "redis-cli -p $port info persistence | grep -q 'rdb_bgsave_in_progress:0'"
redis-cli -p "$port" get key7
stop TERM threads_unseen
