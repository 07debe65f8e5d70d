/*
 * What calls that wait return, and leave in errno: prints the same with and without a trace.
 */
#include "prog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t g_cond = PTHREAD_COND_INITIALIZER;
static sem_t g_sem;
static int g_pipe[2], g_epoll;
static void *volatile g_nowhere = (void *)8;

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

static void on_signal(int sig)
{
	(void)sig;
}

static void result(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
	errno = 77;
}

static pthread_mutex_t *mutex_of(int type, int robust)
{
	pthread_mutex_t *m = malloc(sizeof(*m));
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, type);
	pthread_mutexattr_setrobust(&a, robust);
	pthread_mutex_init(m, &a);
	pthread_mutexattr_destroy(&a);
	return m;
}

static void *dies_with_it(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL;
}

/* The signal comes every 5 ms, and does not restart calls. */
static void alarms(bool on)
{
	const suseconds_t us = on ? 5000 : 0;

	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){{0, us}, {0, us}}, NULL);
}

static void lock_results(void)
{
	pthread_mutex_t *check = mutex_of(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED),
	                *again = mutex_of(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED),
	                *robust = mutex_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
	struct timespec soon = in_ms(20), bad = {0, -1};
	pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
	pthread_t t;

	result("error-checking", pthread_mutex_lock(check));
	result("error-checking again", pthread_mutex_lock(check));
	result("recursive", pthread_mutex_lock(again));
	result("recursive again", pthread_mutex_lock(again));
	pthread_create(&t, NULL, dies_with_it, robust);
	pthread_join(t, NULL);
	result("robust, its owner gone", pthread_mutex_lock(robust));
	result("not made consistent", pthread_mutex_unlock(robust));
	result("not recoverable", pthread_mutex_lock(robust));
	result("timed", pthread_mutex_timedlock(&g_mutex, &soon));
	result("timed, too late", pthread_mutex_timedlock(&g_mutex, &soon));
	result("timed, a bad time", pthread_mutex_timedlock(&g_mutex, &bad));
	result("a bad clock", pthread_mutex_clocklock(again, CLOCK_THREAD_CPUTIME_ID, &soon));
	result("writer", pthread_rwlock_wrlock(&rwlock));
	result("writer again", pthread_rwlock_wrlock(&rwlock));
	result("reader of its own", pthread_rwlock_rdlock(&rwlock));
	pthread_rwlock_unlock(&rwlock);
	result("a free one, a bad time", pthread_rwlock_timedrdlock(&rwlock, &bad));
	soon = in_ms(20);
	result("condition, too late", pthread_cond_timedwait(&g_cond, &g_mutex, &soon));
	result("condition, a bad time", pthread_cond_timedwait(&g_cond, &g_mutex, &bad));
}

static void call_results(void)
{
	struct timespec soon = in_ms(20), bad = {0, -1}, second = {1, 0}, rest = {0, 0};
	char byte;

	errno = 77;
	result("semaphore, too late", sem_timedwait(&g_sem, &soon));
	result("semaphore, a bad time", sem_timedwait(&g_sem, &bad));
	result("a bad pointer", read(g_pipe[0], g_nowhere, 0));
	result("no descriptor", read(-1, &byte, 1));
	result("no descriptors", poll(g_nowhere, 1, 1));
	result("no child", waitpid(-1, NULL, 0));
	result("no sleep", nanosleep(&bad, NULL));
	alarms(true);
	result("semaphore, a signal", sem_wait(&g_sem));
	result("read, a signal", read(g_pipe[0], &byte, 1));
	result("poll, a signal", poll(&(struct pollfd){g_pipe[0], POLLIN, 0}, 1, -1));
	result("epoll, a signal", epoll_wait(g_epoll, &(struct epoll_event){0}, 1, -1));
	result("sleep, a signal", nanosleep(&second, &rest));
	tell("there is a rest", rest.tv_nsec > 0 && rest.tv_sec == 0);
	result("pause, a signal", pause());
	result("seconds left", (long)sleep(2));
	alarms(false);
	errno = 77;
	sem_post(&g_sem);
	result("semaphore", sem_wait(&g_sem));
	tell("errno stays", errno);
}

int main(void)
{
	sem_init(&g_sem, 0, 0);
	if (pipe(g_pipe) || (g_epoll = epoll_create1(0)) < 0)
		return 94;
	lock_results();
	call_results();
	return 0;
}
