/*
 * alloc_bound.c - does hardly anything but malloc and free: 16 to 1024 bytes, a ring of 10000 live
 *blocks, stacks of about 20 frames, 4096 distinct ones. The worst case for a heap profiler that
 *keeps whole stacks. alloc_bound THREADS PAIRS
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define RING  10000
#define INNER 8 /* frames that are entered anew for each allocation */
#define OUTER 7 /* frames that are entered once for BURST of them */
#define BURST 64

struct work {
	void *ring[RING];
	unsigned at;
	uint64_t seed;
	long left;
	uint64_t sum;
};

typedef void step_fn(struct work *w, unsigned path, int depth);

static uint64_t random_of(struct work *w)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed;
}

__attribute__((noinline)) static void leaf(struct work *w, unsigned path)
{
	size_t n = 16 + (random_of(w) >> 20) % 1009;
	char *p = malloc(n);

	if (!p)
		abort();
	p[0] = (char)path;
	p[n - 1] = (char)n;
	free(w->ring[w->at]);
	w->ring[w->at] = p;
	w->at = (w->at + 1) % RING;
	w->left--;
	w->sum += path;
}

/* Four functions a level, of frames that differ in size; after the call something is left to do: no
 * tail calls. */
#define STEP(name, number, last)                                                             \
	__attribute__((noinline)) static void name##_##number(struct work *w, unsigned path, \
	                                                      int depth)                     \
	{                                                                                    \
		volatile uint64_t frame[1 + number];                                         \
                                                                                             \
		frame[0] = path;                                                             \
		if (depth <= 1)                                                              \
			last(w, path);                                                       \
		else                                                                         \
			name[(path >> (depth % 8)) % 4](w, path * 3 + number, depth - 1);    \
		w->sum += frame[0];                                                          \
	}
#define STEPS(name, last)              \
	static step_fn *const name[4]; \
	STEP(name, 0, last)            \
	STEP(name, 1, last)            \
	STEP(name, 2, last)            \
	STEP(name, 3, last)            \
	static step_fn *const name[4] = {name##_0, name##_1, name##_2, name##_3};

STEPS(inner, leaf)

__attribute__((noinline)) static void burst(struct work *w, unsigned path)
{
	for (unsigned i = 0; i < BURST && w->left > 0; i++) {
		unsigned p = (i * 5 + path) % 64;

		inner[p % 4](w, p, INNER);
	}
}

STEPS(outer, burst)

static long pairs;

static void *run(void *arg)
{
	struct work *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->seed = 0x9e3779b97f4a7c15u + (uintptr_t)arg * 77;
	w->left = pairs;
	while (w->left > 0) {
		unsigned p = (unsigned)(random_of(w) >> 33) % 64;

		outer[p % 4](w, p, OUTER);
	}
	for (int i = 0; i < RING; i++)
		free(w->ring[i]);
	free(w);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[64];
	int n = argc > 1 ? atoi(argv[1]) : 1;

	pairs = (argc > 2 ? atol(argv[2]) : 5000000) / n;
	if (n == 1)
		run((void *)1);
	for (int i = 0; n > 1 && i < n; i++)
		if (pthread_create(&thread[i], NULL, run, (void *)(intptr_t)(i + 1)))
			return 99;
	for (int i = 0; n > 1 && i < n; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
