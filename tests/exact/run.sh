#!/bin/sh
# tests/exact/run.sh BUILD [PATTERN]: every stack that is captured inside real programs, held against libunwind's:
# sqlite3, python3, perl, gcc's cc1 and cc1plus, node, java and redis-server. TAP; the sum of the captures, 10 million
# and more without a PATTERN, is the last test. EXACT_TIMES=N runs each program N times.
set -u
build=$(cd "$1" && pwd)
pattern=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
bench=$here/../bench
cc1=$(gcc -print-prog-name=cc1)
cc1plus=$(gcc -print-prog-name=cc1plus)
export LC_ALL=C PYTHONMALLOC=malloc
unset LD_PRELOAD OUTLIVE_OPTIONS
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill $server; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
count=0
failed=0
all=0

# The sums of all processes' counts: captures, compared, mismatches, unanswered, not compared.
sums() {
  cat "$1"/*.count 2> /dev/null | od -An -v -w40 -t u8 |
    awk '{ for (i = 1; i <= 5; i++) s[i] += $i } END { print s[1] + 0, s[2] + 0, s[3] + 0, s[4] + 0, s[5] + 0 }'
}

result() {
  count=$((count + 1))
  if [ "$1" = 0 ]; then
    echo "ok $count - $2"
  else
    echo "not ok $count - $2"
    failed=1
  fi
}

profiled() {
  folder=$1
  shift
  mkdir -p "$folder"
  env EXACT_DIR="$folder" LD_PRELOAD="$build/tests/exact/libexact.so" OUTLIVE_OPTIONS="out=$folder" "$@"
}

verdict() {
  # shellcheck disable=SC2046
  set -- "$1" $(sums "$dir/$1")
  echo "# $1: $2 captures, $3 compared, $4 mismatches, $5 without an answer of both, $6 not compared"
  if [ "$4" != 0 ]; then
    cat "$dir/$1"/*.text | head -n 60 | sed 's/^/# /'
  fi
  all=$((all + $3))
  [ "$3" -gt 0 ] && [ "$4" = 0 ]
  result $? "$1: no stack differs from libunwind's"
}

program() {
  case $1 in *"$pattern"*) ;; *) return ;; esac
  name=$1
  shift
  if ! command -v "$1" > /dev/null; then
    count=$((count + 1))
    echo "ok $count - $name # SKIP $1 is missing (scripts/deps test)"
    return
  fi
  for time in $(seq "${EXACT_TIMES:-1}"); do
    profiled "$dir/$name" "$@" > "$dir/out" 2>&1 || sed "s/^/# $time: /" "$dir/out" | tail -n 5
  done
  verdict "$name"
}

redis() {
  case redis in *"$pattern"*) ;; *) return ;; esac
  ln -s "$(command -v redis-check-rdb)" redis-server
  profiled "$dir/redis" ./redis-server --port 0 --unixsocket "$dir/socket" --save '' --appendonly no > /dev/null 2>&1 &
  server=$!
  for try in $(seq 100); do
    redis-cli -s "$dir/socket" ping > "$dir/out" 2>&1 && break
    sleep 0.1
  done
  redis-benchmark -s "$dir/socket" -q -t set,get,lpush,hset,zadd,mset -n 60000 -r 50000 -P 16 > "$dir/out" 2>&1 ||
    sed "s/^/# $try: /" "$dir/out"
  redis-cli -s "$dir/socket" shutdown nosave > "$dir/out" 2>&1
  wait $server
  server=
  verdict redis
}

cat > program.js << 'END'
const zlib = require('zlib'), crypto = require('crypto');
let n = 0;
for (let i = 0; i < 300; i++) {
  const text = JSON.stringify({ i, list: Array.from({ length: 200 }, (_, k) => 'item ' + k * i) });
  n += zlib.inflateSync(zlib.deflateSync(Buffer.from(text))).length;
  n += crypto.createHash('sha256').update(text).digest('hex').length + 'xabc'.replace(new RegExp('(a|b|' + i + ')+c'), '').length;
}
console.log(n);
END
cat > Program.java << 'END'
import java.util.*;
public class Program {
  public static void main(String[] arguments) throws Exception {
    Map<String, List<String>> words = new TreeMap<>();
    for (int i = 0; i < 20000; i++) words.computeIfAbsent("w" + i % 500, k -> new ArrayList<>()).add(String.format("%d-%x", i, i));
    Thread[] threads = new Thread[4];
    for (int t = 0; t < 4; t++) (threads[t] = new Thread(() -> words.values().parallelStream().mapToInt(List::size).sum())).start();
    for (Thread t : threads) t.join();
    System.out.println(words.size());
  }
}
END
python3 - > program.c << 'END'
print("int printf(const char *, ...);\nstruct s { int a, b; double d[4]; struct s *next; };")
for i in range(4000):
    print(f"static int f{i}(struct s *x, int n) {{ int r = {i}; for (int k = 0; k < n; k++) {{ switch (x->a % {i % 7 + 3})"
          f" {{ case 0: r += x->b * k; break; case 1: r ^= (int)x->d[k & 3]; x = x->next ? x->next : x; break;"
          f" default: r -= printf(\"%d {i}\", r); }} }} return r{f' + f{i // 2}(x, n / 2)' if i else ''}; }}")
print("int main(void) { struct s x = { 0 }; return f3999(&x, 3); }")
END
printf '#include <map>\n#include <regex>\n#include <string>\nint main() { std::map<std::string, std::regex> m; m.emplace("a", "a|b*"); return std::regex_search("x", m["a"]); }\n' > program.cc
g++ -E -o program.ii program.cc

echo "TAP version 13"
program sqlite3 sqlite3 -batch :memory: ".read $bench/work.sql"
program python3 /usr/bin/python3 "$bench/work.py"
program perl perl "$bench/work.pl"
program cc1 "$cc1" -quiet -O2 -o out.s program.c
program cc1plus "$cc1plus" -quiet -O2 -o out.s program.ii
program node node program.js
program java java Program.java
redis
if [ -z "$pattern" ]; then
  echo "# together $all compared"
  [ "$all" -ge 10000000 ]
  result $? "ten million captures and more"
fi
echo "1..$count"
exit $failed
