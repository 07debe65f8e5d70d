#!/bin/sh
# Programs that we did not write: output and status are those of a native run, the snapshot loads, and its totals are
# those that valgrind counts, block for block, or for the reason told.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq valgrind sqlite3 perl gcc python3

# Programs copy their environment, so it must be the same in all runs, to the byte. Valgrind adds the first three, and a
# LD_PRELOAD of its own: ours gets as long by slashes, which count for nothing in a path.
export GLIBCPP_FORCE_NEW=1 GLIBCXX_FORCE_NEW=1 LD_LIBRARY_PATH=/usr/lib/debug
export OUTLIVE_OPTIONS="out=$PWD/run"
length=$(env -u LD_LIBRARY_PATH valgrind -q perl -e 'print length $ENV{LD_PRELOAD}')
while [ ${#LIB} -lt "$length" ]; do LIB=/$LIB; done
# Hash seeds must not decide how much is allocated.
export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 PYTHONHASHSEED=0

# same NAME COMMAND...: native and profiled; leaves the totals in top.json
same() {
  name=$1
  shift
  "$@" > native.out 2> native.err
  native=$?
  rm -rf run run.out run.err
  profiled run "$@"
  is "$name: status" $status $native
  is "$name: output" "$(cksum < run.out)" "$(cksum < native.out)"
  is "$name: errors" "$(cat run.err)" "$(cat native.err)"
  # A command may start others; the one that is asked for wrote the first snapshot's pid.
  ok "$name: the snapshot loads" top run
  is "$name: nothing was lost" "$(jq -c '.audit.lost | add // 0' top.json)" 0
}

cat > work.sql << 'SQL'
CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT, v TEXT, n INT);
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<3000)
  INSERT INTO t SELECT x, printf('key%08x', (x*2654435761)%4294967296), 'val-'||x, x%100 FROM c;
CREATE INDEX ik ON t(k);
SELECT n%10, count(*), max(length(k||v)) FROM t GROUP BY n%10;
SELECT sum(length(printf('%s:%d', k, n))) FROM t WHERE k LIKE 'key%a%';
SQL
same sqlite3 sqlite3 -batch :memory: '.read work.sql'
is "sqlite3: blocks, frees and bytes are valgrind's" "$(outlive_sees)" "$(valgrind_sees sqlite3 -batch :memory: '.read work.sql')"

cat > work.pl << 'PERL'
my (%h, $c);
for my $i (1 .. 5000) { push @{ $h{ 'key' . ($i % 500) } }, { id => $i, t => [ split /-/, "a$i-b$i" ] } }
for my $k (sort keys %h) { $c += length join ',', map { uc } @{ $_->{t} } for @{ $h{$k} } }
print "$c\n";
PERL
same perl perl work.pl
is "perl: blocks, frees and bytes are valgrind's" "$(outlive_sees)" "$(valgrind_sees perl work.pl)"

cat > work.py << 'PYTHON'
import json
cache = {i: json.dumps({"n": i, "l": list(range(i % 50))}) for i in range(2000)}
print(sum(len(v) for v in cache.values()))
PYTHON
# In a folder of its own, for python lists the folder of a script. PYTHONMALLOC=malloc shows each object. Bytes are left
# out: python makes numbers from addresses, of 28 or of 32 bytes, and no two runs of it have equal bytes natively.
mkdir python
mv work.py python
export PYTHONMALLOC=malloc
same python3 /usr/bin/python3 -S -B python/work.py
is "python3: blocks and frees are valgrind's" "$(outlive_sees | cut -d ' ' -f 1,2)" \
  "$(valgrind_sees /usr/bin/python3 -S -B python/work.py | cut -d ' ' -f 1,2)"
unset PYTHONMALLOC

cat > work.c << 'C'
#include <stdio.h>
int main(void) { for (int i = 0; i < 3; i++) printf("%d\n", i * i); return 0; }
C
same "gcc -S" gcc -O2 -S -o - work.c
commands=$(for f in $(snaps run); do "$OUTLIVE" info --json "$f" | jq -r .snapshot.command; done | sort -u | tr '\n' ' ')
like "gcc: the compiler proper has a snapshot of its own" "$commands" 'cc1'

same awk awk 'BEGIN { for (i = 0; i < 2000; i++) a[i % 100] = a[i % 100] i; n = 0; for (k in a) n += length(a[k]); print n }'
same sort sort -r work.sql
is "sort: blocks, frees and bytes are valgrind's" "$(outlive_sees)" "$(valgrind_sees sort -r work.sql)"
same false /bin/false
done_testing
