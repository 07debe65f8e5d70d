/*
 * event_bench.c - nanoseconds of CPU for a malloc and its free: by the depth of the stack, the
 * number of threads and of live blocks. Each pair replaces one live block, of 64 bytes, chosen at
 * random; frames below the innermost 4 stay. event_bench DEPTH THREADS LIVE PAIRS
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long g_depth, g_threads, g_live, g_pairs;

struct work {
	void **block;
	long live, pairs;
	uint64_t random;
	volatile long sum;
};

static uint64_t next(struct work *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

__attribute__((noinline)) static void pair(struct work *w)
{
	void **at = &w->block[next(w) % (uint64_t)w->live];

	free(*at);
	*at = malloc(64);
	if (!*at)
		abort();
	w->sum++;
}

__attribute__((noinline)) static void inner(struct work *w, int depth)
{
	if (depth)
		inner(w, depth - 1);
	else
		pair(w);
	w->sum++;
}

__attribute__((noinline)) static void outer(struct work *w, long depth)
{
	if (depth > 0)
		outer(w, depth - 1);
	else
		for (long i = 0; i < w->pairs; i++)
			inner(w, 2);
	w->sum++;
}

static void *run(void *arg)
{
	struct work *w = arg;

	outer(w, g_depth - 6);
	return NULL;
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	static struct work work[64];
	pthread_t thread[64];
	double begin;

	if (argc < 5)
		return 2;
	g_depth = atol(argv[1]);
	g_threads = atol(argv[2]);
	g_live = atol(argv[3]);
	g_pairs = atol(argv[4]);
	for (long t = 0; t < g_threads; t++) {
		work[t].live = g_live / g_threads;
		work[t].pairs = g_pairs / g_threads;
		work[t].random = 0x9e3779b97f4a7c15u * (uint64_t)(t + 1);
		work[t].block = calloc((size_t)work[t].live, sizeof(void *));
		if (!work[t].block)
			return 1;
		for (long i = 0; i < work[t].live; i++)
			work[t].block[i] = malloc(64);
	}
	begin = cpu();
	for (long t = 1; t < g_threads; t++)
		if (pthread_create(&thread[t], NULL, run, &work[t]))
			return 1;
	run(&work[0]);
	for (long t = 1; t < g_threads; t++)
		pthread_join(thread[t], NULL);
	printf("%.2f\n", (cpu() - begin) / (double)g_pairs);
	return 0;
}
