/*
 * stuck_threads.c - 17 threads that wait. Nine, stuck_*, wait for what no other thread can reach;
 * eight, live_*, may go on.
 *
 *     stuck_threads exit   ends when all of them wait
 *     stuck_threads wait   tells that they do, and ends at a line
 *
 * Each object is made by the thread that waits for it, so that no dead word of another's stack
 * points to it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "prog.h"

#define THREADS 17

static atomic_int tids[THREADS];
static pthread_t threads[THREADS];
static atomic_int n_there, handed_over;
static void *volatile global;

static void here(int which)
{
	tids[which] = (int)syscall(SYS_gettid);
	n_there++;
}

static FRAME void *make(size_t bytes)
{
	return calloc(1, bytes);
}

/* ---- stuck ---- */

/* Nobody has the number 0 any more: the condition never comes. */
static FRAME void wait_cond(pthread_cond_t *c, pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
	for (;;)
		pthread_cond_wait(c, m);
}

struct both {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
};

static void *stuck_cond(void *arg)
{
	struct both *b = make(sizeof(*b));

	here(0);
	wait_cond(&b->cond, &b->mutex);
	return arg;
}

static void *stuck_sem(void *arg)
{
	sem_t *s = make(sizeof(*s));

	here(1);
	sem_wait(s);
	return arg;
}

static void *locks_and_ends(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL;
}

static void *stuck_owner_ended(void *arg)
{
	pthread_mutex_t *m = make(sizeof(*m));
	pthread_t t;

	pthread_create(&t, NULL, locks_and_ends, m);
	pthread_join(t, NULL);
	here(2);
	pthread_mutex_lock(m);
	return arg;
}

static void *stuck_self(void *arg)
{
	pthread_mutex_t *m = make(sizeof(*m));

	pthread_mutex_lock(m);
	here(3);
	pthread_mutex_lock(m);
	return arg;
}

struct pair {
	pthread_mutex_t a, b;
	pthread_barrier_t both_hold_one;
};

static void *stuck_ba(void *arg)
{
	struct pair *p = arg;

	pthread_mutex_lock(&p->b);
	pthread_barrier_wait(&p->both_hold_one);
	here(5);
	pthread_mutex_lock(&p->a);
	return NULL;
}

static void *stuck_ab(void *arg)
{
	struct pair *p = make(sizeof(*p));

	pthread_barrier_init(&p->both_hold_one, NULL, 2);
	pthread_mutex_lock(&p->a);
	pthread_create(&threads[5], NULL, stuck_ba, p);
	pthread_barrier_wait(&p->both_hold_one);
	here(4);
	pthread_mutex_lock(&p->b);
	return arg;
}

static void *stuck_joins(void *arg)
{
	here(6);
	pthread_join(threads[0], NULL);
	return arg;
}

/* The holder has the only pointer to what the other waits for, and is stuck itself. */
static void *stuck_chained(void *arg)
{
	here(8);
	sem_wait(arg);
	return NULL;
}

struct chain {
	sem_t own;
	sem_t *other;
};

static void *stuck_holder(void *arg)
{
	struct chain *c = make(sizeof(*c));

	c->other = make(sizeof(*c->other));
	pthread_create(&threads[8], NULL, stuck_chained, c->other);
	while (!tids[8])
		sched_yield();
	here(7);
	sem_wait(&c->own);
	return arg;
}

/* ---- may go on ---- */

static void *live_global(void *arg)
{
	sem_t *s = make(sizeof(*s));

	global = s;
	here(9);
	sem_wait(s);
	return arg;
}

static void *volatile handed;

static void *live_handed(void *arg)
{
	sem_t *s = make(sizeof(*s));

	handed = s;
	handed_over = 1;
	while (handed)
		sched_yield();
	here(10);
	sem_wait(s);
	return arg;
}

/* Has the other's semaphore on its stack. */
static void *live_holder(void *arg)
{
	void *volatile mine;

	while (!handed_over)
		sched_yield();
	mine = handed;
	handed = NULL;
	here(11);
	for (;;)
		sleep(1000);
	return mine;
}

static void *live_timed(void *arg)
{
	struct timespec t;
	sem_t *s = make(sizeof(*s));

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 1000;
	here(12);
	sem_timedwait(s, &t);
	return arg;
}

static FILE *file;

static void *live_file(void *arg)
{
	here(13);
	flockfile(file);
	return arg;
}

static pthread_mutex_t static_mutex = PTHREAD_MUTEX_INITIALIZER;

static void *live_static(void *arg)
{
	here(14);
	pthread_mutex_lock(&static_mutex);
	return arg;
}

static void *live_main_stack(void *arg)
{
	here(15);
	sem_wait(arg);
	return NULL;
}

static void *live_joins(void *arg)
{
	here(16);
	pthread_join(threads[11], NULL);
	return arg;
}

/* ---- main ---- */

static void start(int which, void *(*fn)(void *), void *arg)
{
	if (pthread_create(&threads[which], NULL, fn, arg))
		_exit(96);
}

/* futex, or a sleep */
static int waits(int tid)
{
	char path[64], text[16] = "";
	int fd, n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1) > 0 &&
	    (!strncmp(text, "202 ", 4) || !strncmp(text, "230 ", 4));
	close(fd);
	return n;
}

static FRAME void start_all(sem_t *on_stack)
{
	file = fopen("/dev/null", "w");
	flockfile(file);
	pthread_mutex_lock(&static_mutex);
	start(0, stuck_cond, NULL);
	start(1, stuck_sem, NULL);
	start(2, stuck_owner_ended, NULL);
	start(3, stuck_self, NULL);
	start(4, stuck_ab, NULL);
	start(6, stuck_joins, NULL);
	start(7, stuck_holder, NULL);
	start(9, live_global, NULL);
	start(10, live_handed, NULL);
	start(11, live_holder, NULL);
	start(12, live_timed, NULL);
	start(13, live_file, NULL);
	start(14, live_static, NULL);
	start(15, live_main_stack, on_stack);
	start(16, live_joins, NULL);
}

int main(int argc, char **argv)
{
	sem_t on_stack;

	sem_init(&on_stack, 0, 0);
	start_all(&on_stack);
	while (n_there < THREADS)
		usleep(1000);
	for (int i = 0; i < THREADS; i++)
		while (!waits(tids[i]))
			usleep(1000);
	if (argc > 1 && !strcmp(argv[1], "wait"))
		prog_wait("waiting");
	return !sem_trywait(&on_stack);
}
