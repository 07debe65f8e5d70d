#!/bin/sh
# Programs on jemalloc, tcmalloc and mimalloc, linked, preloaded or a part of the program, before us or behind: their heap is
# seen to the byte, or it is said that it is not seen. redis, a C++ program, python3.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq g++ /usr/bin/python3 redis-check-rdb redis-cli
ln -s "$(command -v redis-check-rdb)" redis-server

cat > shop.cc << 'END'
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>
struct alignas(64) wide { char c[128]; };
static std::vector<void *> *all = new std::vector<void *>;
__attribute__((noinline)) void kept() { for (int i = 0; i < 100; i++) all->push_back(new char[50]); }
__attribute__((noinline)) void plain() { for (int i = 0; i < 10; i++) all->push_back(new std::pair<long, long>); }
__attribute__((noinline)) void aligned() { for (int i = 0; i < 10; i++) all->push_back(new wide); }
__attribute__((noinline)) void nothrow() { for (int i = 0; i < 10; i++) all->push_back(new (std::nothrow) char[30]); }
__attribute__((noinline)) void gone() { for (int i = 0; i < 1000; i++) { char *volatile p = new char[70 + i % 7]; delete[] p; } }
__attribute__((noinline)) void sized() { for (int i = 0; i < 10; i++) std::make_unique<std::string>(200, 'x'); }
int main()
{
	all->reserve(1000);
	kept(); plain(); aligned(); nothrow();
	std::thread(gone).join();
	sized();
	std::printf("done\n");
}
END
cat > keep.py << 'END'
kept = [bytes(1000 + i) for i in range(2000)]
gone = [bytes(3000) for i in range(2000)]
del gone
print(sum(map(len, kept)))
END

# What every allocator must show of shop; top.json is of it.
shop_is_seen() {
  is "$1: kept" "$(figures top.json 'kept()') $(figures top.json kept)" "$SHOP_KEPT"
  is "$1: each form of new" "$(for f in plain aligned nothrow; do figures top.json $f; done | tr '\n' ';')" \
    "10 160 10 160;10 1280 10 1280;10 300 10 300;"
  is "$1: each form of delete, in another thread" "$(figures top.json gone)" "1000 72997 0 0"
  is "$1: no free of an unknown block" "$(jq '.audit.unknown_frees + .audit.unseen_frees' top.json)" 0
}
SHOP_KEPT="0 0 0 0 100 5000 100 5000"

g++ -O1 -g -pthread -o shop shop.cc
profiled libc ./shop
top libc
shop_is_seen libc
for link in jemalloc tcmalloc_minimal tcmalloc mimalloc; do
  g++ -O1 -g -pthread -o shop_$link shop.cc -Wl,--no-as-needed -l$link
  profiled linked_$link ./shop_$link
  is "linked with $link: it runs" "$(cat linked_$link.out linked_$link.err)" "done"
  top linked_$link
  shop_is_seen "linked with $link"
  "$OUTLIVE" info --json "$(last_snap linked_$link)" > info.json
  like "linked with $link: by that one" "$(jq -r .settings.allocator info.json)" "lib$link"
done

# In the program itself it stands before every library.
for archive in libjemalloc.a libtcmalloc_minimal.a; do
  path=$(find /usr/lib -name $archive | head -n 1)
  if ! g++ -O1 -g -pthread -o shop_static shop.cc "$path" -ldl > static.log 2>&1; then
    [ "${CI:-}" = true ] && result 1 "$archive can be linked (scripts/deps test)"
    note "$archive: $(tail -n 1 static.log)"
    continue
  fi
  rm -rf static
  profiled static ./shop_static
  is "$archive in the program: it runs" "$(cat static.out static.err)" "done"
  like "$archive in the program: not seen" "$("$OUTLIVE" top "$(last_snap static)" 2>&1)" 'NOT SEEN.*shop_static'
  status_is "$archive in the program: no verdict" 4 "$OUTLIVE" run --check -- ./shop_static
done

ask() { redis-cli -s "$PWD/redis.sock" "$@"; }
redis_with() { # LD_PRELOAD DIR
  mkdir -p "$2"
  background env LD_PRELOAD="$1" OUTLIVE_OPTIONS="out=$PWD/$2" ./redis-server --port 0 --unixsocket "$PWD/redis.sock" \
    --save '' --appendonly no --daemonize no
  wait_for ask ping
  for i in $(seq 200); do printf 'SET key:%s %0500d\n' "$i" "$i"; done | ask > set.out
  is "$2: redis works" "$(grep -c OK set.out) $(ask dbsize)" "200 200"
  snapshot_now
  ask shutdown nosave > shutdown.out 2>&1
  wait "$pid"
}

for name in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
  other=/usr/lib/x86_64-linux-gnu/$name

  OUTLIVE_OPTIONS="out=$PWD/shop.first" LD_PRELOAD="$LIB $other" ./shop > got 2>&1
  is "ours, then $name: C++" "$(cat got)" "done"
  top shop.first
  shop_is_seen "ours, then $name: C++"
  OUTLIVE_OPTIONS="out=$PWD/shop.second" LD_PRELOAD="$other $LIB" ./shop > got 2>&1
  is "$name before ours: C++ is unharmed" "$(cat got)" "done"
  like "$name before ours: C++ is not seen" "$("$OUTLIVE" top "$(last_snap shop.second)" 2>&1)" "NOT SEEN.*$name"

  OUTLIVE_OPTIONS="out=$PWD/py.first" PYTHONMALLOC=malloc LD_PRELOAD="$LIB $other" /usr/bin/python3 keep.py > got 2>&1
  is "ours, then $name: python3" "$(cat got)" 3999000
  top py.first
  ok "ours, then $name: python3's blocks are seen" \
    jq -e '.totals.heap | .alloc_objects > 30000 and .alloc_space > 10000000' top.json
  is "ours, then $name: python3: nothing unknown, nothing lost" \
    "$(jq -c '.audit | [.unknown_frees, .unseen_frees, (.lost | add)]' top.json)" "[0,0,0]"
  OUTLIVE_OPTIONS="out=$PWD/py.second" PYTHONMALLOC=malloc LD_PRELOAD="$other $LIB" /usr/bin/python3 keep.py > got 2>&1
  is "$name before ours: python3 is unharmed" "$(cat got)" 3999000
  like "$name before ours: python3 is not seen" "$("$OUTLIVE" top "$(last_snap py.second)" 2>&1)" "NOT SEEN.*$name"
  rm -r shop.first shop.second py.first py.second

  # redis is linked with jemalloc: whichever comes first in the search for malloc serves it.
  redis_with "$LIB $other" first
  "$OUTLIVE" top --json -n 0 "$snap" > top.json
  ok "ours, then $name: redis: 200 values are seen" \
    jq -e '.totals.heap | .inuse_objects > 600 and .inuse_space > 100000' top.json
  is "ours, then $name: redis: nothing unknown" "$(jq -c '.audit | [.unknown_frees, .unseen_frees]' top.json)" "[0,0]"
  "$OUTLIVE" info --json "$snap" > info.json
  like "ours, then $name: redis: by that one" "$(jq -r .settings.allocator info.json)" "${name%%.so*}"
  redis_with "$other $LIB" second
  like "$name before ours: redis is not seen" "$("$OUTLIVE" top "$snap" 2>&1)" "NOT SEEN.*$name"
  rm -r first second
done
done_testing
