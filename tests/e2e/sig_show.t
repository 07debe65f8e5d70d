#!/bin/sh
# Programs read back the dispositions and masks that they set, and their own use of our signal stays theirs.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/proc.sh"
need perl python3 bash

same dispositions "$PROGS/sig_show"
unlike "the program prints no stranger" "$(cat dispositions.want)" STRANGER

# What the parent has left ignored or blocked is inherited, and stays so.
inherit() {
  perl -MPOSIX -e '
    $SIG{INT} = $SIG{HUP} = $SIG{"NUM60"} = "IGNORE";
    POSIX::sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGUSR1, SIGTERM, SIGRTMAX - 4));
    $ENV{LD_PRELOAD} = shift if $ARGV[0] =~ /\.so$/;
    exec @ARGV' "$@"
}
inherit "$PROGS/sig_show" > plain
inherit "$LIB" "$PROGS/sig_show" > ours
is "inherited ones, too" "$(cat ours)" "$(cat plain)"
like "the test has inherited some" "$(cat plain)" '^start 2: ignored'

# What an image leaves to the next one.
next='delete $ENV{LD_PRELOAD}; exec("grep", "^Sig[BI]", "/proc/self/status")'
same handed-on perl -MPOSIX -e "
  \$SIG{INT} = 'IGNORE'; \$SIG{TERM} = sub {};
  POSIX::sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGUSR1, SIGRTMAX - 4)); $next"
same handed-on-ignored perl -MPOSIX -e "POSIX::sigaction(SIGRTMAX - 4, POSIX::SigAction->new('IGNORE')); $next"

same own "$PROGS/sig_own"
like "the signal is the program's" "$(cat own.want)" 'own: 1 handled, value 42'
same fetch "$PROGS/sig_own" fetch
is "fetched twice" "$(grep -c 'fetched 1' fetch.got)" 2
# The first that comes finds out; the wait that it is for begins anew, and no thread dies of it.
same threads "$PROGS/sig_own" threads
like "a signal that all block, awaited in a process of threads" "$(cat threads.want)" '^sigtimedwait: 82'
# By a descriptor, which is given the signal in the midst of its waits; and by waits with a mask of their own.
for way in signalfd ppoll pselect epoll_pwait epoll_pwait2 sigsuspend; do
  same "used-$way" "$PROGS/sig_used" $way
done
like "a signal that is read from a descriptor" "$(cat used-signalfd.want)" '^read 128: 1, value 5'
like "a signal that a wait lets in" "$(cat used-ppoll.want)" '^ppoll: -1 Interrupted system call, 3 handled, value 12'
for way in ppoll pselect epoll_pwait epoll_pwait2; do
  same "kept-out-$way" "$PROGS/sig_used" but $way
done
like "a signal that a wait keeps out" "$(cat kept-out-ppoll.want)" '^ppoll: 1 Success, 2 handled, value 21'
OPTIONS=families=heap
same untold "$PROGS/sig_own" threads
OPTIONS=

# Both at once: the program's handler runs for its own, ours for the request.
mkfifo input
LD_PRELOAD=$LIB "$PROGS/sig_own" wait < input > both.got 2>&1 &
pid=$!
exec 9> input
wait_for grep -q ready both.got
ok "a request beside the program's own handler" "$OUTLIVE" snapshot "$pid"
echo >&9
wait "$pid"
is "which it does not see" "$(grep -v ready both.got)" "$(grep -v status own.want)"

same traps bash -c 'trap "echo caught" TERM; trap "" INT; kill $$; kill -INT $$; trap - TERM INT; trap -p; kill $$'
same python /usr/bin/python3 -c '
import signal, os
print([str(signal.getsignal(s)) for s in sorted(signal.valid_signals())])
signal.signal(signal.SIGTERM, lambda s, f: print("caught", s))
os.kill(os.getpid(), 15); signal.signal(signal.SIGTERM, signal.SIG_DFL); os.kill(os.getpid(), 15)'
done_testing
