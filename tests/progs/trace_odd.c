/*
 * Waits that end otherwise than by what was waited for, one hazard a mode. Prints the same with and
 * without a trace.
 */
#include "prog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "preload/outlive.h"

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t g_cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t g_barrier;
static sem_t g_sem;
static int g_pipe[2], g_epoll, g_listener;
static int g_cleaned;
static volatile int g_ready;
static volatile unsigned g_reader;

static void tell(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void wait_ready(int n)
{
	while (__atomic_load_n(&g_ready, __ATOMIC_SEQ_CST) < n)
		usleep(200);
	/* and on to its wait */
	usleep(3000);
}

static void ready(void)
{
	__atomic_add_fetch(&g_ready, 1, __ATOMIC_SEQ_CST);
}

/* ---- more than is kept ---- */

static FRAME void *many_waits(void *arg)
{
	for (int i = 0; i < 100; i++)
		usleep(100);
	return arg;
}

static FRAME void *one_wait(void *arg)
{
	pthread_barrier_wait(&g_barrier);
	usleep(100);
	return arg;
}

static void threads(unsigned n)
{
	pthread_t t[256];

	pthread_barrier_init(&g_barrier, NULL, n);
	for (unsigned i = 0; i < n; i++)
		pthread_create(&t[i], NULL, one_wait, NULL);
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	tell("threads", n);
}

static void overflow(void)
{
	pthread_t t;

	pthread_create(&t, NULL, many_waits, NULL);
	pthread_join(t, NULL);
	tell("waits", 100);
}

/* Rings of threads that have ended are given to others, one after the other. */
static void turns(void)
{
	pthread_barrier_init(&g_barrier, NULL, 1);
	for (int i = 0; i < 200; i++) {
		pthread_t t;

		pthread_create(&t, NULL, one_wait, NULL);
		pthread_join(t, NULL);
	}
	tell("threads", 200);
}

/* ---- cancellation ---- */

static void cleanup(void *arg)
{
	(void)arg;
	g_cleaned++;
}
static void unlock(void *arg)
{
	pthread_mutex_unlock(arg);
	g_cleaned++;
}

#define POINTS(POINT)                                                                \
	POINT(c_sem_wait, sem_wait(&g_sem))                                          \
	POINT(c_sem_timedwait, sem_timedwait(&g_sem, &late))                         \
	POINT(c_read, read(g_pipe[0], &byte, 1))                                     \
	POINT(c_recv, recv(g_listener, &byte, 1, 0))                                 \
	POINT(c_recvmsg, recvmsg(g_listener, &(struct msghdr){.msg_iovlen = 0}, 0))  \
	POINT(c_poll, poll(&(struct pollfd){g_pipe[0], POLLIN, 0}, 1, -1))           \
	POINT(c_ppoll, ppoll(&(struct pollfd){g_pipe[0], POLLIN, 0}, 1, NULL, NULL)) \
	POINT(c_select, select(0, NULL, NULL, NULL, NULL))                           \
	POINT(c_pselect, pselect(0, NULL, NULL, NULL, NULL, NULL))                   \
	POINT(c_epoll_wait, epoll_wait(g_epoll, &event, 1, -1))                      \
	POINT(c_epoll_pwait, epoll_pwait(g_epoll, &event, 1, -1, NULL))              \
	POINT(c_nanosleep, nanosleep(&minute, NULL))                                 \
	POINT(c_clock_nanosleep, clock_nanosleep(CLOCK_MONOTONIC, 0, &minute, NULL)) \
	POINT(c_sleep, sleep(60))                                                    \
	POINT(c_usleep, usleep(60000000))                                            \
	POINT(c_pause, pause())                                                      \
	POINT(c_join, pthread_join(main_thread, NULL))                               \
	POINT(c_sigwait, sigwait(&usr2, &sig))                                       \
	POINT(c_sigsuspend, sigsuspend(&usr2))                                       \
	POINT(c_waitpid, waitpid(child, NULL, 0))

static pthread_t main_thread;
static pid_t child;
#define UNUSED __attribute__((unused))
#define DEFINE(name, call)                                                           \
	static FRAME void *name(void *arg)                                           \
	{                                                                            \
		struct timespec minute UNUSED = {60, 0}, late UNUSED = in_ms(60000); \
		struct epoll_event event UNUSED;                                     \
		sigset_t usr2 UNUSED;                                                \
		char byte UNUSED;                                                    \
		int sig UNUSED;                                                      \
                                                                                     \
		sigemptyset(&usr2);                                                  \
		sigaddset(&usr2, SIGUSR2);                                           \
		pthread_cleanup_push(cleanup, NULL);                                 \
		ready();                                                             \
		call;                                                                \
		pthread_cleanup_pop(0);                                              \
		return arg;                                                          \
	}
POINTS(DEFINE)

/* The mutex is held again when the handlers run. */
static FRAME void *c_cond_wait(void *arg)
{
	pthread_mutex_lock(&g_mutex);
	pthread_cleanup_push(unlock, &g_mutex);
	ready();
	for (;;)
		pthread_cond_wait(&g_cond, &g_mutex);
	pthread_cleanup_pop(1);
	return arg;
}

/* A cancellation that is pending is acted upon by a semaphore that need not be waited for, not by a
 * mutex. */
static FRAME void *c_pending(void *arg)
{
	int was;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
	ready();
	while (g_ready < 2)
		usleep(1000);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &was);
	for (int i = 0; i < 3; i++) {
		pthread_mutex_lock(&g_mutex);
		pthread_mutex_unlock(&g_mutex);
		g_cleaned += 10;
	}
	sem_wait(arg);
	g_cleaned += 100;
	return NULL;
}

static void cancel(const char *name, void *(*function)(void *))
{
	void *result;
	pthread_t t;

	g_cleaned = g_ready = 0;
	pthread_create(&t, NULL, function, NULL);
	wait_ready(1);
	pthread_cancel(t);
	pthread_join(t, &result);
	printf("%s: cleaned %d, %s\n", name, g_cleaned,
	       result == PTHREAD_CANCELED ? "cancelled" : "returned");
}

static void cancels(void)
{
	pthread_t t;
	void *result;
	sem_t free;

	main_thread = pthread_self();
	child = fork();
	while (!child)
		pause();
#define RUN(name, call) cancel(#name, name);
	POINTS(RUN)
	cancel("c_cond_wait", c_cond_wait);
	tell("the mutex is free", pthread_mutex_trylock(&g_mutex));
	pthread_mutex_unlock(&g_mutex);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);

	sem_init(&free, 0, 5);
	g_cleaned = g_ready = 0;
	pthread_create(&t, NULL, c_pending, &free);
	wait_ready(1);
	pthread_cancel(t);
	ready();
	pthread_join(t, &result);
	tell("pending: locks and waits", g_cleaned);
	tell("pending: cancelled", result == PTHREAD_CANCELED);
}

static void *anywhere(void *arg)
{
	int was;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &was);
	ready();
	for (;;) {
		sem_wait(&g_sem);
		usleep(1);
	}
	return arg;
}

/* Cancelled at whatever instruction: nothing of ours may be held there. */
static void asynchronous(void)
{
	for (int i = 0; i < 300; i++) {
		pthread_t t;

		g_ready = 0;
		pthread_create(&t, NULL, anywhere, NULL);
		while (!g_ready)
			;
		for (int k = 0; k < i % 40; k++)
			sem_post(&g_sem);
		pthread_cancel(t);
		pthread_join(t, NULL);
		free(malloc(100));
	}
	tell("asynchronous", 300);
}

/* ---- handlers ---- */

static sigjmp_buf g_back;

static FRAME void waits_in_handler(int sig)
{
	(void)sig;
	usleep(2000);
}

static void leaves(int sig)
{
	(void)sig;
	siglongjmp(g_back, 1);
}

static FRAME void interrupted(void)
{
	struct timespec soon = in_ms(600);

	signal(SIGALRM, waits_in_handler);
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 200000}}, NULL);
	pthread_mutex_lock(&g_mutex);
	while (pthread_cond_timedwait(&g_cond, &g_mutex, &soon) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&g_mutex);
	tell("interrupted", 1);
}

static FRAME void left_by_longjmp(void)
{
	signal(SIGALRM, leaves);
	if (!sigsetjmp(g_back, 1)) {
		setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 200000}}, NULL);
		for (;;)
			pause();
	}
	tell("left", 1);
}

static FRAME void goes_on(void)
{
	usleep(2000);
	outlive_snapshot("goes on");
}

/* ---- forks ---- */

static FRAME void *child_thread(void *arg)
{
	usleep(2000);
	return arg;
}

static void forks(void)
{
	pthread_t t;

	pthread_create(&t, NULL, one_wait, NULL);
	usleep(2000);
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		pthread_create(&t, NULL, child_thread, NULL);
		pthread_join(t, NULL);
		tell("child", 1);
		exit(0);
	}
	waitpid(pid, NULL, 0);
	pthread_barrier_wait(&g_barrier);
	pthread_join(t, NULL);
	tell("parent", 1);
}

/* ---- a wait that goes on ---- */

static FRAME void *reads(void *arg)
{
	char byte;

	g_reader = (unsigned)syscall(SYS_gettid);
	if (read(g_pipe[0], &byte, 1) != 1)
		_exit(92);
	return arg;
}

static void open_wait(void)
{
	pthread_t t;

	pthread_create(&t, NULL, reads, NULL);
	prog_asleep(&g_reader);
	outlive_snapshot("open");
	if (write(g_pipe[1], "x", 1) != 1)
		_exit(93);
	pthread_join(t, NULL);
	tell("read", 1);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int pair[2];

	/* The numbers below must not depend on what we have inherited. */
	close_range(3, ~0u, 0);
	sem_init(&g_sem, 0, 0);
	pthread_barrier_init(&g_barrier, NULL, 2);
	if (pipe(g_pipe) || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) ||
	    (g_epoll = epoll_create1(0)) < 0)
		return 94;
	g_listener = pair[0];
	if (!strcmp(mode, "overflow"))
		overflow();
	if (!strcmp(mode, "threads"))
		threads(200);
	if (!strcmp(mode, "turns"))
		turns();
	if (!strcmp(mode, "cancel"))
		cancels();
	if (!strcmp(mode, "async"))
		asynchronous();
	if (!strcmp(mode, "handlers")) {
		interrupted();
		left_by_longjmp();
		goes_on();
	}
	if (!strcmp(mode, "fork"))
		forks();
	if (!strcmp(mode, "open"))
		open_wait();
	return 0;
}
