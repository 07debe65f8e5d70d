/*
 * stuck_kinds.c - a thread for each way to wait for ever: a queue whose producer has gone, a
 * condition that nobody signals, a lock for reading that a writer keeps, a barrier that one is
 * missing at, an initialization that does not end, a semaphore, two locks taken crosswise, a pipe
 * whose writer this very program has left open, the end of such a thread. Tells when all have
 * begun; ends at a line.
 */
#include "prog.h"

#include <pthread.h>
#include <semaphore.h>

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_filled = PTHREAD_COND_INITIALIZER;
static int queued;
static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t all_here;
static pthread_once_t setup = PTHREAD_ONCE_INIT;
static sem_t tickets;
static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both_hold;
static int leaked_pipe[2];
static pthread_t consumer;
static volatile int after;

FRAME void *producer_gone(void *arg)
{
	after++;
	return arg;
}

FRAME void *consume(void *arg)
{
	pthread_mutex_lock(&queue_lock);
	while (!queued)
		pthread_cond_wait(&queue_filled, &queue_lock);
	pthread_mutex_unlock(&queue_lock);
	return arg;
}

FRAME void *read_table(void *arg)
{
	pthread_rwlock_rdlock(&table_lock);
	after++;
	return arg;
}

FRAME void *meet(void *arg)
{
	pthread_barrier_wait(&all_here);
	after++;
	return arg;
}

FRAME void set_up(void)
{
	sem_wait(&tickets);
	after++;
}

FRAME void *set_up_first(void *arg)
{
	pthread_once(&setup, set_up);
	after++;
	return arg;
}

FRAME void *take_ticket(void *arg)
{
	sem_wait(&tickets);
	after++;
	return arg;
}

FRAME void *lock_ab(void *arg)
{
	pthread_mutex_lock(&first);
	pthread_barrier_wait(&both_hold);
	pthread_mutex_lock(&second);
	after++;
	return arg;
}

FRAME void *lock_ba(void *arg)
{
	pthread_mutex_lock(&second);
	pthread_barrier_wait(&both_hold);
	pthread_mutex_lock(&first);
	after++;
	return arg;
}

FRAME void *drain(void *arg)
{
	char byte;

	if (read(leaked_pipe[0], &byte, 1) == 0)
		after++;
	return arg;
}

FRAME void *await(void *arg)
{
	pthread_join(consumer, NULL);
	after++;
	return arg;
}

static pthread_t start(void *(*run)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, run, NULL))
		_exit(1);
	return t;
}

int main(void)
{
	if (pipe(leaked_pipe) || pthread_barrier_init(&all_here, NULL, 2) ||
	    pthread_barrier_init(&both_hold, NULL, 2) || sem_init(&tickets, 0, 0))
		return 1;
	pthread_rwlock_wrlock(&table_lock);
	pthread_join(start(producer_gone), NULL);
	consumer = start(consume);
	start(read_table);
	start(meet);
	start(set_up_first);
	start(take_ticket);
	start(lock_ab);
	start(lock_ba);
	start(drain);
	start(await);
	prog_wait("there");
	_exit(0);
}
