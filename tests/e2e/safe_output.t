#!/bin/sh
# Names are another's: whatever stands in a snapshot, no verb's output moves a terminal's cursor, forges a line, or is no
# UTF-8.
. "$(dirname "$0")/lib.sh"
need curl

for what in escapes escapes-later sampled; do
  /usr/bin/python3 "$ROOT/tests/e2e/makesnap.py" $what $what.snap || exit 1
done
mkdir folder
cp escapes.snap folder/outlive.x.66.1.snap
cp escapes-later.snap folder/outlive.x.66.2.snap
printf 'leak:\033]0;title\007\na \033[2J b\n' > rules.supp
printf '{"outlive_baseline": \033[2J}' > baseline.json

# Control characters but line feed and tab, what reorders or hides text, and bytes that are no UTF-8. The second argument
# is what may be there: colours.
cat > harmless.py << 'PY'
import re, sys, unicodedata
data = open(sys.argv[1], "rb").read()
if len(sys.argv) > 2:
    data = re.sub(rb"\x1b\[[0-9;]*m", b"", data)
text = data.decode("utf-8")
bad = [c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]
forged = [line for line in text.split("\n") if line.startswith("FORGED")]
if bad or forged:
    at = text.index(bad[0]) if bad else text.index(forged[0])
    sys.exit("%r in %r" % (bad[:5], text[max(0, at - 60):at + 30]))
PY

# harmless NAME ARGUMENT...: a verb and its options; stdout and stderr
harmless() {
  name=$1
  shift
  "$OUTLIVE" "$@" > said 2> errors
  status=$?
  [ $status -lt 128 ] || result 1 "$name: ends by itself (status $status)"
  [ -s said ] || [ -s errors ] || result 1 "$name: says something"
  ok "$name" /usr/bin/python3 harmless.py said
  ok "$name: what it says to stderr" /usr/bin/python3 harmless.py errors
}

a=escapes.snap b=escapes-later.snap
for verb in top threads timers fds residue list traces tree info check; do
  harmless "$verb" $verb $a
  harmless "$verb --wide" $verb --wide $a
  harmless "$verb --json" $verb --json $a
done
harmless "list of everything" list . $a
harmless "top of samples" top --wide --noise sampled.snap
harmless "info of samples" info sampled.snap
harmless "threads in one wait" threads --wide --older 1s $a
harmless "threads in one wait, as JSON" threads --json --older 1s $a
harmless "threads in one wait in two snapshots" threads --older 1s folder
harmless "top by thread" top --by thread $a
harmless "top by module" top --by module $a
harmless "diff" diff --wide $a $b
harmless "diff --json" diff --json $a $b
harmless "diff of a folder" diff folder
harmless "threads that grew" threads --base $a $b
harmless "fds that grew" fds --base $a $b
harmless "check of growth" check --base $a --heap=growth --fds=growth --threads=growth --wide --explain $b
harmless "check of what is lost" check --heap=lost -n 0 $b
harmless "suppressions that would accept it" check --generate-suppressions - $a
harmless "suppressions that are none" check --suppressions rules.supp $a
harmless "a baseline that is none" check --baseline baseline.json $a
for format in json junit sarif github markdown; do
  harmless "check's report for $format" check --report $format:report.$format $b
  [ -s report.$format ] && ok "and its file" /usr/bin/python3 harmless.py report.$format
done
"$OUTLIVE" check --baseline known.json --accept-new $b > said 2> errors
ok "the baseline that it makes" /usr/bin/python3 harmless.py known.json
harmless "and reads" check --baseline known.json $b
for format in folded svg speedscope perfetto prometheus openmetrics json; do
  harmless "export as $format" export --format $format -o - $a
done
for kind in threads timers fds; do harmless "export of $kind" export --format folded --kind $kind -o - $a; done
# The same by HTTP, with what stands in the head of an answer.
background "$OUTLIVE" serve --listen 127.0.0.1:0 folder
server=$pid
wait_for grep -q '^http' "$server.log"
for page in "" metrics debug/pprof/ "debug/pprof/heap?debug=1" "debug/pprof/threadcreate?debug=1" "debug/pprof/fd?debug=1" \
  "debug/pprof/timer?debug=1" debug/pprof/cmdline "debug/pprof/heap?pid=$(printf '%%1b%%5b2J')" "$(printf '%%1b]0;x%%07')"; do
  curl -sS --noproxy '*' -D head -o said "$(head -n 1 "$server.log")$page" 2> errors
  tr -d '\r' < head > errors
  is "serve /$page: an answer" "$(grep -c '^HTTP/1.1 [2-5]' errors)" 1
  ok "serve /$page" /usr/bin/python3 harmless.py said
  ok "serve /$page: its head" /usr/bin/python3 harmless.py errors
done
stop_pid "$server"
ok "what serve says itself" /usr/bin/python3 harmless.py "$server.log"

harmless "report" report -o page.html folder/*.snap
ok "and its page" /usr/bin/python3 harmless.py page.html
for verb in top threads fds traces tree info; do
  "$OUTLIVE" $verb --color=always $a > said 2> errors
  ok "$verb in colour" /usr/bin/python3 harmless.py said colour
done

# What the user's own arguments hold comes back in messages.
escape=$(printf '\033]0;title\007')
harmless "a file that is not there" top "$escape"
harmless "a verb that there is not" "$escape"
harmless "an option that there is not" top "--$escape" $a
harmless "a value that is none" top --sort "$escape" $a
harmless "a regex that is none" top --focus "($escape" $a
harmless "a command that there is not" run -- "./$escape"
mkdir "x$escape"
cp $a "x$escape/a.snap"
printf 'OUTLIVE\n\033[2J\033[2J\033[2J' > "x$escape/b.snap"
harmless "a folder's name" check "x$escape"
harmless "a file's name" info "x$escape/a.snap"
harmless "a damaged file's name" top "x$escape/b.snap"

# A live program whose name, folder, thread and descriptor are such.
cat > names.c << 'C'
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#define NAME "\033]0;title\007\302\2332J"
static void *other(void *arg)
{
	prctl(PR_SET_NAME, NAME);
	pause();
	return arg;
}
int main(int argc, char **argv)
{
	pthread_t t;
	prctl(PR_SET_NAME, NAME);
	pthread_create(&t, NULL, other, NULL);
	open("\033[2J\302\2332J\nFORGED", O_CREAT | O_RDWR, 0600);
	*(void *volatile *)malloc(8) = malloc(100000);
	puts("ready");
	fflush(stdout);
	if (argc > 1)
		return 0;
	pause();
}
C
need cc script
cc -o names names.c && mv names "x$escape/names$escape"
program=$dir/x$escape/names$escape
mkdir run
harmless "run's summary" run --out run -- "$program" once
harmless "run --check" run --check --out run -- "$program" once
mkdir live
background env OUTLIVE_OPTIONS="out=$dir/live" LD_PRELOAD="$LIB" "$program"
wait_for grep -q ready "$pid.log"
harmless "snapshot of it" snapshot "$pid"
for snap in live/*.snap; do
  for verb in top threads fds traces info check; do harmless "live: $verb" $verb --wide "$snap"; done
done
harmless "stacks of it" stacks "$pid"
harmless "stacks of it as JSON" stacks --json "$pid"
export LC_ALL=C.UTF-8 TERM=xterm
mkfifo keys
script -qec "stty rows 30 cols 120; '$OUTLIVE' watch --every 200ms $pid" watch.log < keys > watch.out &
script=$!
pids="$pids $script"
exec 3> keys
wait_for grep -aq descriptors watch.log
for key in 2 3 4; do
  printf '%s' $key >&3
  sleep 1
done
wait_for grep -aq FORGED watch.log
printf q >&3
exec 3>&-
wait "$script"
ok "watch has shown it" grep -aq FORGED watch.log
is "watch: no name's control characters" "$(grep -acF -e "$escape" -e "$(printf '\302\233')" watch.log)" 0
done_testing
