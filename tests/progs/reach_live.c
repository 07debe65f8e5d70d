/*
 * reach_live.c - threads that malloc, free and realloc without pause, each block held at every
 * moment; and seven blocks that are lost. For scans of a live process: reach_live THREADS
 *
 * The blocks that realloc moves hold others: what is on its way must not make them look lost.
 */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "prog.h"

enum { SLOTS = 64, CHILDREN = 8 };

struct holder {
	size_t words;
	void *volatile word[];
};

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

/* From a few words to more than malloc keeps in a heap of its own. */
static size_t words(uint64_t r)
{
	return CHILDREN + (r % 97 ? r % 300 : r % 40000);
}

static struct holder *resize(struct holder *h, size_t n)
{
	size_t had = h ? h->words : 0;

	if (h && n < had)
		/* The children are at the end. */
		memmove((void *)&h->word[n - CHILDREN], (void *)&h->word[had - CHILDREN],
		        CHILDREN * sizeof(void *));
	h = realloc(h, sizeof(*h) + n * sizeof(void *));
	if (!had)
		memset((void *)h->word, 0, n * sizeof(void *));
	if (had && n > had) {
		memmove((void *)&h->word[n - CHILDREN], (void *)&h->word[had - CHILDREN],
		        CHILDREN * sizeof(void *));
	}
	h->words = n;
	return h;
}

static void *work(void *arg)
{
	struct holder **slot = calloc(SLOTS, sizeof(*slot));
	uint64_t x = (uintptr_t)arg * 2654435761u + 88172645463325252u;

	for (;;) {
		uint64_t r = next(&x);
		struct holder **at = &slot[r % SLOTS];

		if (!*at || r >> 8 & 1) {
			*at = resize(*at, words(next(&x)));
			continue;
		}
		void *volatile *child = &(*at)->word[(*at)->words - 1 - (r >> 16) % CHILDREN];
		void *old = *child;

		*child = NULL;
		free(old);
		*child = malloc(8 + (r >> 24) % 500);
	}
	return NULL;
}

static FRAME void lose(int bytes)
{
	prog_sink = memset(malloc((size_t)bytes), 0, (size_t)bytes);
	prog_sink = NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 6;

	for (int i = 1; i <= 7; i++)
		lose(1000 + i);
	for (int i = 0; i < threads; i++) {
		pthread_t t;

		pthread_create(&t, NULL, work, (void *)(uintptr_t)(i + 1));
	}
	prog_wait("ready");
	return 0;
}
