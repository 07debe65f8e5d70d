/* Has its own use for the signal that outlive wakes idle processes with. */
#include "prog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static volatile sig_atomic_t g_count, g_value;

static void on_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	g_count++;
	g_value = sig == SIGRTMAX - 4 ? info->si_value.sival_int : -1;
}

static void send_own(int value)
{
	sigqueue(getpid(), SIGRTMAX - 4, (union sigval){.sival_int = value});
}

static void show(const char *what)
{
	printf("%s: %d handled, value %d\n", what, (int)g_count, (int)g_value);
	fflush(stdout);
}

/* Blocked, and fetched when it suits. */
static void fetch(void)
{
	sigset_t own, old;
	siginfo_t info;

	sigemptyset(&own);
	sigaddset(&own, SIGRTMAX - 4);
	sigprocmask(SIG_BLOCK, &own, &old);
	send_own(70);
	send_own(71);
	for (int i = 0; i < 2; i++) {
		int sig = sigwaitinfo(&own, &info);

		printf("fetched %d value %d\n", sig == SIGRTMAX - 4, info.si_value.sival_int);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void *idle(void *blocked)
{
	sigset_t now;

	pthread_sigmask(SIG_BLOCK, NULL, &now);
	*(int *)blocked = sigismember(&now, SIGRTMAX - 4);
	for (;;)
		pause();
	return NULL;
}

/* From outside, with a pause, so that mostly it comes in the midst of the wait. */
static void send_from_child(int value)
{
	pid_t to = getpid();

	if (fork())
		return;
	usleep(20000);
	sigqueue(to, SIGRTMAX - 4, (union sigval){.sival_int = value});
	_exit(0);
}

/* As servers do it: all threads block all signals, and one waits for them. */
static void in_threads(void)
{
	const struct timespec long_enough = {60, 0};
	int blocked[3] = {-1, -1, -1}, sig = 0;
	siginfo_t info = {0};
	sigset_t all, own;
	pthread_t t;

	sigfillset(&all);
	sigdelset(&all, SIGALRM);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	alarm(60);
	for (int i = 0; i < 3; i++) {
		pthread_create(&t, NULL, idle, &blocked[i]);
		while (*(volatile int *)&blocked[i] < 0)
			usleep(1000);
		printf("a thread has it blocked: %d\n", blocked[i]);
	}
	sigemptyset(&own);
	sigaddset(&own, SIGRTMAX - 4);
	sigaddset(&own, SIGUSR1);
	send_from_child(80);
	sigwait(&own, &sig);
	printf("sigwait: %d\n", sig == SIGRTMAX - 4);
	send_from_child(81);
	sigwaitinfo(&own, &info);
	printf("sigwaitinfo: %d\n", info.si_value.sival_int);
	send_from_child(82);
	sigtimedwait(&own, &info, &long_enough);
	printf("sigtimedwait: %d\n", info.si_value.sival_int);
}

int main(int argc, char **argv)
{
	struct sigaction a = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};

	sigemptyset(&a.sa_mask);
	if (argc > 1 && !strcmp(argv[1], "fetch")) {
		fetch();
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "threads")) {
		in_threads();
		return 0;
	}
	sigaction(SIGRTMAX - 4, &a, NULL);
	send_own(42);
	show("own");
	if (argc > 1 && !strcmp(argv[1], "wait"))
		prog_wait("ready");
	send_own(43);
	show("own again");
	a.sa_flags |= SA_RESETHAND;
	sigaction(SIGRTMAX - 4, &a, NULL);
	send_own(44);
	show("one shot");
	signal(SIGRTMAX - 4, SIG_IGN);
	send_own(45);
	show("ignored");
	signal(SIGRTMAX - 4, SIG_DFL);
	fflush(stdout);
	send_own(46);
	show("alive");
	return 0;
}
