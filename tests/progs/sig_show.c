/* Prints what it can learn of its signals, after changing them in every way that libc has. */
#include "prog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Names that libc exports and no header gives any more. */
int __sigaction(int, const struct sigaction *, struct sigaction *);
sighandler_t __sysv_signal(int, sighandler_t);
sighandler_t bsd_signal(int, sighandler_t);

static void handler(int sig)
{
	(void)sig;
}

static const char *name_of(void (*f)(int))
{
	return f == SIG_DFL    ? "default"
	       : f == SIG_IGN  ? "ignored"
	       : f == SIG_ERR  ? "error"
	       : f == SIG_HOLD ? "hold"
	       : f == handler  ? "handler"
	                       : "STRANGER";
}

static void show_set(const sigset_t *set)
{
	for (int sig = 1; sig <= 64; sig++)
		putchar(sigismember(set, sig) == 1 ? '1' : '0');
	putchar('\n');
}

static void show_one(const char *what, int sig)
{
	struct sigaction a;

	memset(&a, 0x55, sizeof(a));
	int r = sigaction(sig, NULL, &a);
	if (r) {
		printf("%s %d: %s\n", what, sig, strerror(errno));
		return;
	}
	printf("%s %d: %s flags %x ", what, sig, name_of(a.sa_handler), (unsigned)a.sa_flags);
	show_set(&a.sa_mask);
}

static void show_all(const char *what)
{
	sigset_t mask;

	printf("%s\n", what);
	for (int sig = 0; sig <= 65; sig++)
		show_one(what, sig);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	printf("%s mask ", what);
	show_set(&mask);
}

static void set(int sig, void (*f)(int), int flags, int masked)
{
	struct sigaction a = {.sa_handler = f, .sa_flags = flags}, old;

	sigemptyset(&a.sa_mask);
	sigaddset(&a.sa_mask, masked);
	int r = sigaction(sig, &a, &old);
	printf("sigaction %d: %d", sig, r);
	if (!r)
		printf(" was %s flags %x", name_of(old.sa_handler), (unsigned)old.sa_flags);
	putchar('\n');
}

static void change_all(void (*f)(int), int flags)
{
	for (int sig = 0; sig <= 65; sig++)
		if (sig != SIGSEGV || f != SIG_IGN)
			set(sig, f, flags, sig == 10 ? 12 : 10);
}

static void old_ways(int sig)
{
	printf("signal %s\n", name_of(signal(sig, handler)));
	printf("signal %s\n", name_of(signal(sig, SIG_DFL)));
	show_one("after signal", sig);
	printf("ssignal %s\n", name_of(ssignal(sig, SIG_IGN)));
	printf("sysv_signal %s\n", name_of(sysv_signal(sig, handler)));
	show_one("after sysv_signal", sig);
	printf("sysv_signal %s\n", name_of(sysv_signal(sig, SIG_DFL)));
	printf("bsd_signal %s\n", name_of(bsd_signal(sig, handler)));
	printf("__sysv_signal %s\n", name_of(__sysv_signal(sig, SIG_DFL)));
	printf("__sigaction %d %d\n", __sigaction(sig, &(struct sigaction){0}, NULL),
	       __sigaction(sig, NULL, &(struct sigaction){0}));
	printf("siginterrupt %d\n", siginterrupt(sig, 1));
	show_one("after siginterrupt", sig);
	printf("siginterrupt %d\n", siginterrupt(sig, 0));
	printf("sigset %s\n", name_of(sigset(sig, SIG_HOLD)));
	printf("sigset %s\n", name_of(sigset(sig, SIG_HOLD)));
	printf("sigset %s\n", name_of(sigset(sig, SIG_DFL)));
	printf("sigset %s\n", name_of(sigset(sig, handler)));
	printf("sigignore %d\n", sigignore(sig));
	show_one("after sigignore", sig);
	printf("sighold %d\n", sighold(sig));
	printf("sigrelse %d\n", sigrelse(sig));
	printf("signal %s\n", name_of(signal(sig, SIG_DFL)));
	show_one("in the end", sig);
}

static void masks(void)
{
	sigset_t all, old;

	sigfillset(&all);
	for (int round = 0; round < 2; round++) {
		printf("block %d ", sigprocmask(SIG_BLOCK, &all, &old));
		show_set(&old);
		printf("again %d ", pthread_sigmask(SIG_SETMASK, &all, &old));
		show_set(&old);
		sigdelset(&old, SIGTERM);
		sigdelset(&old, SIGRTMAX - 4);
		printf("set %d ", sigprocmask(SIG_SETMASK, &old, NULL));
		show_set(&old);
		printf("unblock %d ", pthread_sigmask(SIG_UNBLOCK, &all, &old));
		show_set(&old);
		printf("wrong %d\n", sigprocmask(99, &all, &old));
	}
}

int main(void)
{
	show_all("start");
	change_all(SIG_DFL, SA_RESTART | SA_NODEFER);
	show_all("default");
	change_all(handler, SA_RESETHAND);
	show_all("handler");
	change_all(SIG_IGN, SA_ONSTACK);
	show_all("ignored");
	change_all(handler, SA_SIGINFO | SA_NODEFER);
	change_all(SIG_DFL, 0);
	show_all("default again");
	old_ways(SIGTERM);
	old_ways(SIGRTMAX - 4);
	old_ways(SIGCHLD);
	old_ways(SIGKILL);
	sysv_signal(SIGINT, handler);
	raise(SIGINT);
	show_one("after a shot", SIGINT);
	masks();
	return 0;
}
