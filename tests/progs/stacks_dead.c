/*
 * stacks_dead.c - threads that wait for one another, in rings of each kind of lock; and threads
 * that only look as if they did. Tells when all wait, and ends at a line.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "prog.h"

static atomic_int there;
static pthread_barrier_t both[8];

/* ---- two mutexes, of each kind ---- */

struct ring {
	pthread_mutex_t a, b;
	pthread_barrier_t *both;
	pthread_t first;
};

static FRAME void take(pthread_mutex_t *one, pthread_mutex_t *other, pthread_barrier_t *b)
{
	pthread_mutex_lock(one);
	pthread_barrier_wait(b);
	there++;
	pthread_mutex_lock(other);
}

static void *ring_ab(void *arg)
{
	struct ring *r = arg;

	take(&r->a, &r->b, r->both);
	return NULL;
}

static void *ring_ba(void *arg)
{
	struct ring *r = arg;

	take(&r->b, &r->a, r->both);
	return NULL;
}

static void *behind(void *arg)
{
	struct ring *r = arg;

	there++;
	pthread_join(r->first, NULL);
	return NULL;
}

static void start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg))
		_exit(96);
}

static void start_ring(struct ring *r, int number, int type, int protocol, int robust)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutex_init(&r->a, &attr);
	pthread_mutex_init(&r->b, &attr);
	r->both = &both[number];
	pthread_barrier_init(r->both, NULL, 2);
	pthread_create(&r->first, NULL, ring_ab, r);
	start(ring_ba, r);
}

/* ---- three that join one another: of two, libc itself would tell ---- */

static pthread_t joiner[3];
static atomic_int joiners;

static void *joins(void *arg)
{
	long next = (long)arg;

	while (joiners < 3)
		usleep(1000);
	there++;
	pthread_join(joiner[next], NULL);
	return NULL;
}

/* ---- a read-write lock and a mutex ---- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t with_rwlock = PTHREAD_MUTEX_INITIALIZER;

static void *writes(void *arg)
{
	pthread_rwlock_wrlock(&rwlock);
	pthread_barrier_wait(arg);
	there++;
	pthread_mutex_lock(&with_rwlock);
	return NULL;
}

static void *reads(void *arg)
{
	pthread_mutex_lock(&with_rwlock);
	pthread_barrier_wait(arg);
	there++;
	pthread_rwlock_rdlock(&rwlock);
	return NULL;
}

/* ---- no deadlocks ---- */

static pthread_mutex_t timed_a = PTHREAD_MUTEX_INITIALIZER, timed_b = PTHREAD_MUTEX_INITIALIZER;

static void *timed_ab(void *arg)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 1000;
	pthread_mutex_lock(&timed_a);
	pthread_barrier_wait(arg);
	there++;
	pthread_mutex_timedlock(&timed_b, &t);
	return NULL;
}

static void *timed_ba(void *arg)
{
	pthread_mutex_lock(&timed_b);
	pthread_barrier_wait(arg);
	there++;
	pthread_mutex_lock(&timed_a);
	return NULL;
}

int main(void)
{
	static struct ring plain, recursive, checked, inherits, robust;

	start_ring(&plain, 0, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED);
	start_ring(&recursive, 1, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE,
	           PTHREAD_MUTEX_STALLED);
	start_ring(&checked, 2, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED);
	start_ring(&robust, 3, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
	start_ring(&inherits, 4, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED);
	start(behind, &plain);
	for (int i = 5; i < 7; i++)
		pthread_barrier_init(&both[i], NULL, 2);
	start(writes, &both[5]);
	start(reads, &both[5]);
	start(timed_ab, &both[6]);
	start(timed_ba, &both[6]);
	for (long i = 0; i < 3; i++) {
		pthread_create(&joiner[i], NULL, joins, (void *)((i + 1) % 3));
		joiners++;
	}
	while (there < 18)
		usleep(1000);
	prog_wait("there");
	_exit(0);
}
