/*
 * heap_odd.c - odd calls, and what their caller sees: results, errno, contents. The output must be
 * the same with and without a profiler; addresses are not printed.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>

#include "prog.h"

/* Prints the result's class and errno of a call that started with errno = E2BIG. */
#define POINTER(call)                                                                  \
	do {                                                                           \
		errno = E2BIG;                                                         \
		void *result = (call);                                                 \
		int error = errno;                                                     \
		printf("%s: %s, errno %d\n", #call, result ? "block" : "NULL", error); \
	} while (0)
#define NUMBER(call)                                                 \
	do {                                                         \
		errno = E2BIG;                                       \
		long result = (long)(call);                          \
		int error = errno;                                   \
		printf("%s: %ld, errno %d\n", #call, result, error); \
	} while (0)
#define NOTHING(call)                                   \
	do {                                            \
		errno = E2BIG;                          \
		call;                                   \
		printf("%s: errno %d\n", #call, errno); \
	} while (0)

/* Volatile: no compiler may know what is asked for. */
static volatile size_t huge = PTRDIFF_MAX, half = SIZE_MAX / 2, most = SIZE_MAX;
static volatile size_t none = 0, three = 3, five = 5;

static void odd_sizes(void)
{
	POINTER(malloc(0));
	POINTER(malloc(1));
	POINTER(malloc(huge));
	POINTER(malloc(huge + 1));
	POINTER(malloc(most));
	POINTER(calloc(0, 0));
	POINTER(calloc(0, huge));
	POINTER(calloc(half, 3));
	POINTER(calloc(most, 1));
	POINTER(reallocarray(NULL, half, 3));
	POINTER(reallocarray(NULL, 3, 5));
	POINTER(reallocarray(NULL, 0, 5));
	POINTER(realloc(NULL, 0));
	POINTER(realloc(NULL, huge));
	POINTER(realloc(malloc(5), 0));
}

static void odd_alignments(void)
{
	void *p = &p;

	NUMBER(posix_memalign(&p, 0, 8));
	NUMBER(posix_memalign(&p, three, 8));
	NUMBER(posix_memalign(&p, 4, 8));
	NUMBER(posix_memalign(&p, 24, 8));
	NUMBER(posix_memalign(&p, 16, huge));
	printf("the pointer is untouched: %d\n", p == &p);
	NUMBER(posix_memalign(&p, 8, 0));
	NUMBER(posix_memalign(&p, 1 << 20, 5));
	printf("aligned: %d\n", (uintptr_t)p % (1 << 20) == 0);
	POINTER(aligned_alloc(none, 8));
	POINTER(aligned_alloc(three, 8));
	POINTER(aligned_alloc(64, 1));
	POINTER(aligned_alloc(64, huge));
	POINTER(aligned_alloc(half + 2, 8));
	POINTER(memalign(none, 8));
	POINTER(memalign(five, 8));
	POINTER(memalign(huge, 8));
	POINTER(memalign(most, 8));
	POINTER(valloc(0));
	POINTER(valloc(huge));
	POINTER(pvalloc(0));
	POINTER(pvalloc(huge));
	POINTER(pvalloc(most));
}

static void odd_contents(void)
{
	char *volatile keep = malloc(100);
	char *p = keep;

	memset(p, 'x', 100);
	POINTER(realloc(p, huge));
	p = keep;
	POINTER(reallocarray(p, half, 4));
	p = keep;
	for (int i = 0; i < 100; i++)
		if (p[i] != 'x')
			printf("byte %d was lost by a realloc that failed\n", i);
	p = realloc(p, 5000);
	for (int i = 0; i < 100; i++)
		if (p[i] != 'x')
			printf("byte %d was lost by a realloc\n", i);
	unsigned char *z = calloc(333, 7);
	for (int i = 0; i < 333 * 7; i++)
		if (z[i])
			printf("byte %d of calloc is not zero\n", i);
	printf("usable: %d %d %zu\n", malloc_usable_size(p) >= 5000, malloc_usable_size(z) >= 2331,
	       malloc_usable_size(NULL));
	NOTHING(free(p));
	NOTHING(free(z));
	NOTHING(free(NULL));
	/* large ones go back by munmap */
	void *big = malloc(64 << 20);
	NOTHING(free(big));
	NUMBER(malloc_trim(0) >= 0);
}

int main(void)
{
	odd_sizes();
	odd_alignments();
	odd_contents();
	return 0;
}
