/*
 * heap_exact.c - allocations that are known to the byte: each function of the family from a
 *function of its own, the same in each of N threads. heap_exact THREADS The figures that
 *tests/e2e/heap_exact.t expects for one thread are in the comments: allocations, bytes; then what
 * is left.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "prog.h"

#define KEEP(p) (prog_sink = (p))

/* 1000, 100000; 500, 50000 */
FRAME static void exact_malloc(void)
{
	for (int i = 0; i < 1000; i++) {
		void *p = malloc(100);

		KEEP(p);
		if (i % 2)
			free(p);
	}
}

/* 1000, 21000; 1000, 21000 */
FRAME static void exact_calloc(void)
{
	for (int i = 0; i < 1000; i++)
		KEEP(calloc(3, 7));
}

/* 100, 0; 100, 0: blocks of no byte are blocks */
FRAME static void exact_malloc_zero(void)
{
	for (int i = 0; i < 100; i++)
		KEEP(malloc(0));
}

/* 200, 2000; 0, 0 */
FRAME static void *exact_realloc_first(void)
{
	return malloc(10);
}

/* 600, 28000; 200, 16000: each realloc is a free and an allocation */
FRAME static void exact_realloc_grow(void)
{
	for (int i = 0; i < 200; i++) {
		void *p = exact_realloc_first();

		p = realloc(p, 20);
		p = realloc(p, 40);
		p = realloc(p, 80);
		KEEP(p);
	}
}

/* 100, 3300; 100, 3300 */
FRAME static void exact_realloc_null(void)
{
	for (int i = 0; i < 100; i++)
		KEEP(realloc(NULL, 33));
}

/* 100, 5000; 0, 0 */
FRAME static void exact_realloc_zero(void)
{
	for (int i = 0; i < 100; i++)
		KEEP(realloc(malloc(50), 0));
}

/* 100, 700; 100, 700: what fails leaves the block as it was */
FRAME static void exact_realloc_fail(void)
{
	volatile size_t huge = PTRDIFF_MAX;

	for (int i = 0; i < 100; i++) {
		void *volatile p = malloc(7);

		if (realloc(p, huge))
			abort();
		KEEP(p);
	}
}

/* 100, 4500; 100, 4500: libc's calls realloc, and still it is one */
FRAME static void exact_reallocarray(void)
{
	for (int i = 0; i < 100; i++)
		KEEP(reallocarray(NULL, 5, 9));
}

/* 100, 20000; 100, 20000 */
FRAME static void exact_posix_memalign(void)
{
	for (int i = 0; i < 100; i++) {
		void *p;

		if (posix_memalign(&p, 64, 200))
			abort();
		KEEP(p);
	}
}

/* 100, 12800; 0, 0 */
FRAME static void exact_aligned_alloc(void)
{
	for (int i = 0; i < 100; i++)
		free(aligned_alloc(128, 128));
}

/* 100, 7700; 100, 7700 */
FRAME static void exact_memalign(void)
{
	for (int i = 0; i < 100; i++)
		KEEP(memalign(32, 77));
}

/* 10, 3000; 10, 3000 */
FRAME static void exact_valloc(void)
{
	for (int i = 0; i < 10; i++)
		KEEP(valloc(300));
}

/* 10, 3000; 10, 3000: as asked for, not as rounded */
FRAME static void exact_pvalloc(void)
{
	for (int i = 0; i < 10; i++)
		KEEP(pvalloc(300));
}

/* 100, 1200; 100, 1200: by libc for us */
FRAME static void exact_strdup(void)
{
	for (int i = 0; i < 100; i++)
		KEEP(strdup("eleven char"));
}

/* 3, 12582912; 1, 4194304: beyond what the allocator keeps in its heap */
FRAME static void exact_big(void)
{
	for (int i = 0; i < 3; i++) {
		void *p = malloc(4 << 20);

		KEEP(p);
		if (i)
			free(p);
	}
}

/* 0, 0: nothing was made */
FRAME static void exact_refused(void)
{
	volatile size_t half = SIZE_MAX / 2, three = 3;
	void *p = NULL;

	if (malloc(half) || calloc(half, 4) || reallocarray(NULL, half, 4) ||
	    !posix_memalign(&p, three, 8) || memalign(64, half))
		abort();
	free(NULL);
}

static int for_valgrind;

static void *exact(void *arg)
{
	exact_malloc();
	exact_calloc();
	exact_malloc_zero();
	exact_realloc_grow();
	exact_realloc_null();
	exact_realloc_zero();
	if (!for_valgrind)
		exact_realloc_fail();
	exact_reallocarray();
	exact_posix_memalign();
	exact_aligned_alloc();
	exact_memalign();
	exact_valloc();
	if (!for_valgrind)
		exact_pvalloc();
	exact_strdup();
	exact_big();
	exact_refused();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread[64];
	int n = argc > 1 ? atoi(argv[1]) : 1;

	for_valgrind = argc > 2;
	if (n == 1)
		exact(NULL);
	for (int i = 0; n > 1 && i < n; i++)
		if (pthread_create(&thread[i], NULL, exact, NULL))
			return 99;
	for (int i = 0; n > 1 && i < n; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
