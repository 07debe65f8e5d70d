#!/bin/sh
# False alarms kill a gate: everyday programs come out clean as they are.
. "$(dirname "$0")/lib.sh"
need git sqlite3 gcc curl redis-cli jq openssl make perl tar gawk javac flock script

clean() {
  name=$1
  shift
  status_is "$name" 0 "$OUTLIVE" run --check -- "$@" < /dev/null
  like "$name: clean" "$(tail -n 1 err)" '^outlive: check: clean: [0-9]+ process'
}

git init -q repo > /dev/null 2>&1
echo 'int main(void) { return 0; }' > a.c
echo '{"a": [1, 2]}' > a.json
printf 'all:\n\techo hi\n' > Makefile

clean true /bin/true
clean ls ls -l /
clean "git status" git -C repo status
clean sqlite3 sqlite3 :memory: 'create table t(a); insert into t values (1); select * from t'
clean python3 /usr/bin/python3 -c pass
clean "gcc -c" gcc -c a.c
clean "curl file" curl -s "file://$PWD/a.json"
clean redis-cli redis-cli --version
clean "bash -c :" bash -c :
clean jq jq .a a.json
clean "openssl version" openssl version
clean "make -n" make -n
clean "perl -e 1" perl -e 1
clean "gcc --version" gcc --version
clean tar tar cf all.tar a.c a.json
clean gawk gawk '{ print $1 }' a.c
clean "timeout before the suite" timeout 60 make -s
clean "flock before the suite" flock a.c make -s
clean "script before the suite" script -qc 'make -s' script.out
clean "a shell that ends within a loop" bash -c 'while :; do for i in 1 2; do exit 0; done; done'
clean "a shell with many names" dash -c 'for i in 1 2 3; do eval "v$i=\$(echo $i)"; unset "v$i"; f() { exit 0; }; done; f'
clean "a pipeline of a shell" sh -c 'ls / | sort | head -n 1 | wc -l'
clean "a script of python with threads and a child" /usr/bin/python3 -c '
import subprocess, threading
t = [threading.Thread(target=lambda: None) for _ in range(4)]
for x in t: x.start()
for x in t: x.join()
subprocess.run(["true"])
with open("a.c") as f: f.read()'
# multiprocessing opens /dev/null in each child, which it ends by _exit.
cat > workers.py <<'END'
import concurrent.futures, multiprocessing, os, sys
def work(n):
    return n * n
def main():
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        list(pool.map(work, range(4)))
    p = multiprocessing.Process(target=work, args=(1,))
    p.start()
    p.join()
    if len(sys.argv) > 1:
        kept = os.dup(1)
if __name__ == "__main__":
    main()
END
clean "python's processes" /usr/bin/python3 workers.py
status_is "what the script itself leaves is told" 1 "$OUTLIVE" run --check -- /usr/bin/python3 workers.py leave < /dev/null
like "and only that" "$(tail -n 1 err)" 'leaks: 1 finding \(1 descriptor\)'
clean "java's compiler" javac -version
done_testing
