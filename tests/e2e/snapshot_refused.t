#!/bin/sh
# Processes that cannot be asked: a sentence each, and no harm to them.
. "$(dirname "$0")/lib.sh"

status_is "no pid" 2 "$OUTLIVE" snapshot
status_is "not a pid" 2 "$OUTLIVE" snapshot redis-server
status_is "a timeout that is none" 2 "$OUTLIVE" snapshot --timeout soon 1
status_is "help" 0 "$OUTLIVE" snapshot --help
status_is "no such process" 3 "$OUTLIVE" snapshot 2147483000
like "is told" "$(cat err)" 'there is no process 2147483000'

background sleep 1000
status_is "a process without liboutlive.so" 3 "$OUTLIVE" snapshot "$pid"
like "is told how to start it" "$(cat err)" 'runs without liboutlive.so; start it as `outlive run'
ok "and lives on" alive "$pid"

# A signal without a handler would end it; a file of ours from before must not make us send one.
printf 'EVILCTLO%4088s' '' > "/dev/shm/outlive.$pid.ctl"
cp "$LIB" liboutlive.so
cat > mapped.c << 'C'
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
	int fd = open("liboutlive.so", O_RDONLY);
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	printf("%s\n", p == MAP_FAILED ? "failed" : "mapped");
	fflush(stdout);
	pause();
}
C
rm -f "/dev/shm/outlive.$pid.ctl"
if command -v cc > cc.path && cc -o mapped mapped.c; then
  background ./mapped
  wait_for grep -q mapped "$pid.log"
  status_is "a process that does not listen" 3 "$OUTLIVE" snapshot --timeout 1s "$pid"
  like "is told" "$(cat err)" 'does not listen to signal'
  ok "and is not ended by the signal" alive "$pid"
  printf 'OLIVECTL%4088s' '' > "/dev/shm/outlive.$pid.ctl"
  status_is "nor by a control file that is not its own" 3 "$OUTLIVE" snapshot --timeout 1s "$pid"
  ok "it lives" alive "$pid"
  rm -f "/dev/shm/outlive.$pid.ctl"
fi

# Its parent does not wait: it has ended, and yet has a pid.
cat > zombie.pl << 'PL'
$| = 1;
my $child = fork // die;
exit 0 unless $child;
print "$child\n";
sleep 1000;
PL
background perl zombie.pl
wait_for grep -q . "$pid.log"
status_is "a zombie" 3 "$OUTLIVE" snapshot "$(cat "$pid.log")"
like "is told" "$(cat err)" 'has ended'

# Killed, it cannot remove its control file; whoever gets its pid must not be mistaken for it.
background "$OUTLIVE" run --out "$PWD/s" -- sleep 1000
run=$pid
child_is_ready() { ready "$(child "$run")"; }
wait_for child_is_ready
sleeper=$(child "$run")
kill -9 "$sleeper"
wait "$run"
like "run tells a program that SIGKILL ended" "$(cat "$run.log")" 'NOTHING WAS SEEN.*SIGKILL'
ok "and takes away what it has left" test ! -e "/dev/shm/outlive.$sleeper.ctl"
status_is "its pid is nobody's now" 3 "$OUTLIVE" snapshot "$sleeper"

background env LD_PRELOAD="$LIB" sleep 1000
wait_for ready "$pid"
stop_pid "$pid" KILL
ok "killed, it leaves its control file" test -e "/dev/shm/outlive.$pid.ctl"
status_is "of a process that is gone" 3 "$OUTLIVE" snapshot "$pid"
ok "and whoever asks for it takes it away" test ! -e "/dev/shm/outlive.$pid.ctl"
done_testing
