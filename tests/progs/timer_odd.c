/*
 * Timers of every kind, each made in a function of its own, make_<case>; then the unusual. Prints
 * the same with and without outlive.
 */
#include "prog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "preload/outlive.h"

static void tell(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

static volatile sig_atomic_t g_signals;

static void handler(int sig)
{
	(void)sig;
	g_signals++;
}

static void nothing(union sigval v)
{
	(void)v;
}

static struct itimerspec every(long first_s, long interval_s)
{
	return (struct itimerspec){.it_value.tv_sec = first_s, .it_interval.tv_sec = interval_s};
}

static FRAME timer_t make_plain(void)
{
	timer_t t;

	tell("timer_create", timer_create(CLOCK_MONOTONIC, NULL, &t));
	return t;
}

static FRAME timer_t make_deleted(void)
{
	timer_t t;

	timer_create(CLOCK_REALTIME, NULL, &t);
	return t;
}

static FRAME timer_t make_none(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_NONE};
	struct itimerspec s = every(1000, 100);
	timer_t t;

	timer_create(CLOCK_MONOTONIC, &e, &t);
	tell("timer_settime", timer_settime(t, 0, &s, NULL));
	return t;
}

static FRAME timer_t make_signal(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 5};
	struct itimerspec s = {{0, 1000000}, {0, 1000000}}, old;
	timer_t t;

	signal(SIGRTMIN + 5, handler);
	timer_create(CLOCK_MONOTONIC, &e, &t);
	timer_settime(t, 0, &s, NULL);
	while (g_signals < 3)
		usleep(1000);
	s = every(500, 0);
	tell("set again", timer_settime(t, 0, &s, &old));
	tell("old interval", old.it_interval.tv_nsec);
	return t;
}

static FRAME timer_t make_tid(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	timer_t t;

	e._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	timer_create(CLOCK_MONOTONIC, &e, &t);
	return t;
}

static FRAME timer_t make_thread(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = nothing};
	timer_t t;

	timer_create(CLOCK_MONOTONIC, &e, &t);
	return t;
}

static FRAME timer_t make_disarmed(void)
{
	struct itimerspec s = every(1000, 100), zero = {{0}};
	timer_t t;

	timer_create(CLOCK_MONOTONIC, NULL, &t);
	timer_settime(t, 0, &s, NULL);
	timer_settime(t, 0, &zero, NULL);
	return t;
}

/* Absolute times of two clocks, and one that has passed. */
static FRAME timer_t make_absolute(void)
{
	struct itimerspec s = {0};
	timer_t t;

	clock_gettime(CLOCK_REALTIME, &s.it_value);
	s.it_value.tv_sec += 1000;
	timer_create(CLOCK_REALTIME, NULL, &t);
	timer_settime(t, TIMER_ABSTIME, &s, NULL);
	return t;
}

static FRAME timer_t make_past(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_NONE};
	struct itimerspec s = every(1, 0);
	timer_t t;

	timer_create(CLOCK_REALTIME, &e, &t);
	timer_settime(t, TIMER_ABSTIME, &s, NULL);
	return t;
}

static FRAME timer_t make_cpu(void)
{
	/* Its signal would end us: we do not use so much. */
	struct itimerspec s = every(8, 8);
	timer_t t;

	timer_create(CLOCK_THREAD_CPUTIME_ID, NULL, &t);
	timer_settime(t, 0, &s, NULL);
	return t;
}

static FRAME int make_fd(void)
{
	struct itimerspec s = {{0, 1000000}, {0, 1000000}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	timerfd_settime(fd, 0, &s, NULL);
	return fd;
}

static FRAME void make_itimer(void)
{
	struct itimerval v = {{0, 0}, {900, 0}}, p = {{100, 0}, {100, 0}};

	tell("setitimer", setitimer(ITIMER_VIRTUAL, &v, NULL));
	tell("setitimer", setitimer(ITIMER_PROF, &p, NULL));
	tell("alarm", alarm(800));
	tell("alarm again", alarm(700) > 790);
}

static void kinds(void)
{
	make_plain();
	tell("timer_delete", timer_delete(make_deleted()));
	tell("twice", timer_delete((timer_t)12345));
	tell("set of an unknown one",
	     timer_settime((timer_t)12345, 0, &(struct itimerspec){0}, NULL));
	make_none();
	make_signal();
	make_tid();
	make_thread();
	make_disarmed();
	make_absolute();
	make_past();
	make_cpu();
	make_fd();
	make_itimer();
	usleep(30000);
	outlive_snapshot("kinds");
	alarm(0);
	signal(SIGALRM, handler);
	g_signals = 0;
	ualarm(1000, 0);
	while (!g_signals)
		usleep(1000);
	outlive_snapshot("alarmed");
}

/* From a handler, too; and by ids that are used again. */
static timer_t g_timer;

static void sets(int sig)
{
	static int n;
	struct itimerspec s = every(1000 + n++, 0);

	(void)sig;
	timer_settime(g_timer, 0, &s, NULL);
}

static FRAME void make_many(void)
{
	timer_t t[2000];
	int n = 0;

	while (n < 2000 && !timer_create(CLOCK_MONOTONIC, NULL, &t[n]))
		n++;
	for (int i = 0; i < n; i++)
		timer_settime(t[i], 0, &(struct itimerspec){.it_value.tv_sec = 1000 + i}, NULL);
	for (int i = 0; i < n; i++)
		if (i != 7)
			timer_delete(t[i]);
	tell("the one that stays", n > 100 && t[7] != NULL);
}

static void *makes_and_deletes(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		struct itimerspec s = every(1000, 0);
		timer_t t;

		if (timer_create(CLOCK_MONOTONIC, NULL, &t))
			break;
		timer_settime(t, 0, &s, NULL);
		timer_delete(t);
	}
	return arg;
}

static FRAME void storm(void)
{
	struct sigaction a = {.sa_handler = sets, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 300}, {0, 300}}, never = {{0}};
	pthread_t t[3];

	make_many();
	timer_create(CLOCK_MONOTONIC, NULL, &g_timer);
	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, makes_and_deletes, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	outlive_snapshot("storm");
}

static FRAME void forked(void)
{
	make_none();
	alarm(1000);
	fflush(stdout);
	if (!fork()) {
		make_deleted();
		outlive_snapshot("child");
		_exit(0);
	}
	wait(NULL);
	outlive_snapshot("forked");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (!strcmp(argv[1], "kinds"))
		kinds();
	else if (!strcmp(argv[1], "storm"))
		storm();
	else if (!strcmp(argv[1], "forked"))
		forked();
	return 0;
}
