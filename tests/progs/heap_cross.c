/*
 * heap_cross.c - blocks that one thread makes and another frees, in pairs of threads.
 *	heap_cross PAIRS
 * A pair: cross_make makes 20000 blocks of 64 bytes; the other thread frees all but 100 of them.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "prog.h"

#define BLOCKS 20000
#define RING   256

struct pipe {
	_Atomic(void *) slot[RING];
};

FRAME static void *cross_make(void)
{
	return malloc(64);
}

static void *maker(void *arg)
{
	struct pipe *pipe = arg;

	for (int i = 0; i < BLOCKS; i++) {
		void *p = cross_make();

		while (atomic_load(&pipe->slot[i % RING]))
			sched_yield();
		atomic_store(&pipe->slot[i % RING], p);
	}
	return NULL;
}

static void *taker(void *arg)
{
	struct pipe *pipe = arg;

	for (int i = 0; i < BLOCKS; i++) {
		void *p;

		while (!(p = atomic_exchange(&pipe->slot[i % RING], NULL)))
			sched_yield();
		if (i >= 100)
			free(p);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct pipe pipes[16];
	pthread_t thread[32];
	int pairs = argc > 1 ? atoi(argv[1]) : 1;

	for (int i = 0; i < pairs; i++)
		if (pthread_create(&thread[2 * i], NULL, maker, &pipes[i]) ||
		    pthread_create(&thread[2 * i + 1], NULL, taker, &pipes[i]))
			return 99;
	for (int i = 0; i < 2 * pairs; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
