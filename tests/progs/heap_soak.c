/*
 * heap_soak.c - mixed load for SECONDS, with books of its own: threads that come and go, sizes of
 *all kinds, blocks that others free, realloc, aligned blocks, forks. All of the program's blocks
 *come from soak_make and soak_grow; the books that it prints at the end must be what the last
 *snapshot says of these two. heap_soak SECONDS; "until-told": until SIGUSR1, for 10 minutes at
 *most. Prints "allocs bytes live live_bytes".
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "prog.h"

#define THREADS 4
#define SHELF   4096 /* blocks that live, shared by all threads */

struct books {
	uint64_t allocs, bytes, frees, freed;
};

static struct block {
	pthread_mutex_t lock;
	void *p;
	size_t n;
} shelf[SHELF];
static struct books total;
static pthread_mutex_t total_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile time_t end;

static void on_told(int sig)
{
	(void)sig;
	end = 0;
}

static uint32_t random_of(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)(*seed >> 11);
}

static size_t size_of(uint32_t r)
{
	if (r % 1000 == 0)
		return 300000 + r % 100000;
	return r % 10 == 0 ? r % 5000 : r % 200;
}

FRAME static void *soak_make(uint32_t how, size_t n)
{
	if (how % 8 == 0)
		return calloc(1, n);
	return how % 8 == 1 ? memalign(64, n) : malloc(n);
}

FRAME static void *soak_grow(void *p, size_t n)
{
	return realloc(p, n);
}

static void one(struct block *b, uint64_t *seed, struct books *books)
{
	uint32_t how = random_of(seed);
	size_t n = size_of(random_of(seed)) + 1;

	if (b->p && how % 4 == 0) {
		books->frees++, books->freed += b->n;
		b->p = soak_grow(b->p, n);
	} else {
		if (b->p)
			books->frees++, books->freed += b->n;
		free(b->p);
		b->p = soak_make(how, n);
	}
	if (!b->p)
		abort();
	memset(b->p, 1, n < 64 ? n : 64);
	b->n = n;
	books->allocs++, books->bytes += n;
}

/* A short life: 20000 steps. */
static void *worker(void *arg)
{
	uint64_t seed = (uintptr_t)arg * 0x9e3779b97f4a7c15u | 1;
	struct books books = {0, 0, 0, 0};

	for (int i = 0; i < 20000; i++) {
		struct block *b = &shelf[random_of(&seed) % SHELF];

		pthread_mutex_lock(&b->lock);
		one(b, &seed, &books);
		pthread_mutex_unlock(&b->lock);
	}
	pthread_mutex_lock(&total_lock);
	total.allocs += books.allocs, total.bytes += books.bytes;
	total.frees += books.frees, total.freed += books.freed;
	pthread_mutex_unlock(&total_lock);
	return NULL;
}

static void fork_one(void)
{
	pid_t pid = fork();

	if (!pid) {
		free(prog_sink = malloc(100));
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS];
	uintptr_t born = 0;

	end = time(NULL) + (argc > 1 && atoi(argv[1]) ? atoi(argv[1]) : 600);
	signal(SIGUSR1, on_told);
	for (int i = 0; i < SHELF; i++)
		pthread_mutex_init(&shelf[i].lock, NULL);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, worker, (void *)++born))
			return 99;
	while (time(NULL) < end) {
		int i = (int)(born % THREADS);

		pthread_join(thread[i], NULL);
		if (born % 64 == 0)
			fork_one();
		if (pthread_create(&thread[i], NULL, worker, (void *)++born))
			return 99;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("%llu %llu %llu %llu\n", (unsigned long long)total.allocs,
	       (unsigned long long)total.bytes, (unsigned long long)(total.allocs - total.frees),
	       (unsigned long long)(total.bytes - total.freed));
	return 0;
}
