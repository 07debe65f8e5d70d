/*
 * live_bench.c - the table of live blocks against two other shapes: nanoseconds for a take and a
 *put of one block, at random or in address order, and bytes of table for a block. live_bench SHAPE
 *BLOCKS THREADS SIZE[,SIZE...]      shapes: spans (live.c), shadow, hash Blocks lie as glibc places
 *them, each thread's in a part of its own.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "preload/live_hot.h"

/* The best of some batches, in CPU time: other work on the machine is not what is measured. */
enum { BATCH = 500000, BATCHES = 8 };

struct shape {
	const char *name;
	int (*put)(uintptr_t a, const struct block *b);
	bool (*take)(uintptr_t a, struct block *b);
};

/* As track_heap.c does it. */
static int spans_put(uintptr_t a, const struct block *b)
{
	struct live_region *r;
	uint64_t *at = live_fetch(a, &r);
	struct block stale;

	return live_put_hot(r, at, a, b) ? 0 : live_put(a, b, &stale);
}

static bool spans_take(uintptr_t a, struct block *b)
{
	return live_take_hot(a, b) || live_take(a, b);
}

/*
 * shadow: a word for each 32 bytes of heap for blocks under 176 bytes, two for each 128 bytes under
 * 512, two for each 512 bytes above. Collisions do not occur in this layout.
 */
static char *g_shadow[3];
static const struct {
	unsigned shift, bytes, below;
} g_level[3] = {{5, 8, 176}, {7, 16, 512}, {9, 16, ~0u}};
#define PART_SHIFT 36
#define BASE       0x7f0000000000ul

static uint64_t *shadow_at(unsigned level, uintptr_t a)
{
	return (uint64_t *)(g_shadow[level] +
	                    ((a - BASE) >> g_level[level].shift) * g_level[level].bytes);
}

static int shadow_put(uintptr_t a, const struct block *b)
{
	unsigned level = b->size < g_level[0].below ? 0 : b->size < g_level[1].below ? 1 : 2;
	uint64_t *w = shadow_at(level, a), none = 0;

	if (level)
		__atomic_store_n(&w[1], b->size, __ATOMIC_RELAXED);
	return !__atomic_compare_exchange_n(w, &none,
	                                    (uint64_t)b->site << 41 |
	                                            (level ? (a >> 3 & 63) : b->size) << 33 |
	                                            (a >> 3 & 3) << 31 | b->birth,
	                                    false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static bool shadow_take(uintptr_t a, struct block *b)
{
	for (unsigned level = 0; level < 3; level++) {
		uint64_t *w = shadow_at(level, a), v = __atomic_load_n(w, __ATOMIC_ACQUIRE);

		if (!v || (v >> 31 & 3) != (a >> 3 & 3) ||
		    (level && (v >> 33 & 63) != (a >> 3 & 63)))
			continue;
		b->size = level ? w[1] : v >> 33 & 255;
		b->site = (uint32_t)(v >> 41);
		b->birth = v & 0x7fffffff;
		__atomic_store_n(w, 0, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

/* hash: 256 shards with a lock each, open addressing, 24 bytes an entry, at most 7/8 full. */
struct shard {
	struct sys_lock lock;
	uint32_t used, slots;
	struct entry {
		uintptr_t a;
		struct block b;
	} * e;
} __attribute__((aligned(64)));
static struct shard g_shard[256];

static uint64_t hash_of(uintptr_t a)
{
	return (a >> 3) * 0x9e3779b97f4a7c15u;
}

static struct entry *fresh(uint32_t slots)
{
	return mmap(NULL, slots * sizeof(struct entry), PROT_READ | PROT_WRITE,
	            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void insert(struct shard *s, uintptr_t a, const struct block *b)
{
	uint32_t i = (uint32_t)(hash_of(a) >> 24) & (s->slots - 1);

	while (s->e[i].a)
		i = (i + 1) & (s->slots - 1);
	s->e[i] = (struct entry){a, *b};
}

static int hash_put(uintptr_t a, const struct block *b)
{
	struct shard *s = &g_shard[hash_of(a) >> 56];

	sys_lock(&s->lock);
	if (s->used >= s->slots / 8 * 7) {
		struct shard old = *s;

		s->slots = old.slots ? old.slots * 2 : 256;
		s->e = fresh(s->slots);
		for (uint32_t i = 0; i < old.slots; i++)
			if (old.e[i].a)
				insert(s, old.e[i].a, &old.e[i].b);
		if (old.slots)
			munmap(old.e, old.slots * sizeof(struct entry));
	}
	insert(s, a, b);
	s->used++;
	sys_unlock(&s->lock);
	return 0;
}

static bool hash_take(uintptr_t a, struct block *b)
{
	struct shard *s = &g_shard[hash_of(a) >> 56];
	uint32_t mask = s->slots - 1, i, j;
	bool found;

	sys_lock(&s->lock);
	mask = s->slots - 1;
	for (i = (uint32_t)(hash_of(a) >> 24) & mask; s->e[i].a && s->e[i].a != a;
	     i = (i + 1) & mask)
		;
	found = s->e[i].a;
	if (found) {
		*b = s->e[i].b;
		s->used--;
		/* The entries behind it move up, where their own place lets them. */
		for (j = (i + 1) & mask; s->e[j].a; j = (j + 1) & mask) {
			uint32_t home = (uint32_t)(hash_of(s->e[j].a) >> 24) & mask;

			if (((j - home) & mask) < ((j - i) & mask))
				continue;
			s->e[i] = s->e[j];
			i = j;
		}
		s->e[i].a = 0;
	}
	sys_unlock(&s->lock);
	return found;
}

static const struct shape g_shapes[] = {
        {"spans", spans_put, spans_take},
        {"shadow", shadow_put, shadow_take},
        {"hash", hash_put, hash_take},
};

/* ---- the work ---- */

static const struct shape *g_shape;
static uint64_t g_blocks, g_sizes[16];
static unsigned g_n_sizes, g_threads;
static pthread_barrier_t g_barrier;
static double g_ns[2][64], g_longest[64];

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Fills; the longest of the calls is what growth costs a thread at worst. */
static void fill(unsigned me, uintptr_t *at, uint64_t n)
{
	uintptr_t a = BASE + ((uintptr_t)me << PART_SHIFT) + 16;
	double t = now(CLOCK_THREAD_CPUTIME_ID), u;

	for (uint64_t i = 0; i < n; i++) {
		struct block b = {g_sizes[i % g_n_sizes], 1 + (uint32_t)(i & 0xffff), 5};

		if (g_shape->put(a, &b))
			fprintf(stderr, "not kept\n");
		u = now(CLOCK_THREAD_CPUTIME_ID);
		if (u - t > g_longest[me])
			g_longest[me] = u - t;
		t = u;
		at[i] = a;
		a += b.size + 8 < 32 ? 32 : (b.size + 8 + 15) & ~15ul;
	}
}

static double batch(const uintptr_t *at, uint64_t n, bool in_order, uint64_t first)
{
	uint64_t random = 88172645463325252u + first;
	double t = now(CLOCK_THREAD_CPUTIME_ID);

	for (uint64_t i = first; i < first + BATCH; i++) {
		uint64_t k = in_order ? i % n : next_random(&random) % n;
		struct block b;

		if (!g_shape->take(at[k], &b) || g_shape->put(at[k], &b))
			fprintf(stderr, "block %lx is gone\n", at[k]);
	}
	return (now(CLOCK_THREAD_CPUTIME_ID) - t) / BATCH;
}

static void *work(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	uint64_t n = g_blocks / g_threads;
	uintptr_t *at = malloc(n * sizeof(*at));

	fill(me, at, n);
	for (int order = 0; order < 2; order++) {
		pthread_barrier_wait(&g_barrier);
		for (int i = 0; i < BATCHES; i++) {
			double ns = batch(at, n, order, (uint64_t)i * BATCH);

			if (!i || ns < g_ns[order][me])
				g_ns[order][me] = ns;
		}
	}
	free(at);
	return NULL;
}

static long resident_kb(void)
{
	long pages = 0, skip;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%ld %ld", &skip, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * 4;
}

int main(int argc, char **argv)
{
	double ns[2] = {0}, longest = 0;
	pthread_t t[64];

	if (argc < 5) {
		fprintf(stderr, "live_bench SHAPE BLOCKS THREADS SIZE[,SIZE...]\n");
		return 2;
	}
	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(argv[1], g_shapes[i].name))
			g_shape = &g_shapes[i];
	g_blocks = strtoull(argv[2], NULL, 0);
	g_threads = (unsigned)atoi(argv[3]);
	for (char *s = strtok(argv[4], ","); s && g_n_sizes < 16; s = strtok(NULL, ","))
		g_sizes[g_n_sizes++] = strtoull(s, NULL, 0);
	if (!g_shape || !g_blocks || !g_threads || g_threads > 64 || !g_n_sizes)
		return 2;
	live_init();
	for (unsigned l = 0; l < 3 && g_shape->put == shadow_put; l++)
		g_shadow[l] = mmap(
		        NULL,
		        ((uintptr_t)g_threads << PART_SHIFT >> g_level[l].shift) * g_level[l].bytes,
		        PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	pthread_barrier_init(&g_barrier, NULL, g_threads);

	long before = resident_kb();
	for (uintptr_t i = 0; i < g_threads; i++)
		pthread_create(&t[i], NULL, work, (void *)i);
	for (unsigned i = 0; i < g_threads; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < g_threads; i++) {
		ns[0] += g_ns[0][i] / g_threads;
		ns[1] += g_ns[1][i] / g_threads;
		longest = g_longest[i] > longest ? g_longest[i] : longest;
	}
	printf("%-7s %9lu blocks %2u threads sizes %s...: %6.1f ns at random, %5.1f in order, "
	       "%5.1f bytes a block, longest put %.0f us\n",
	       g_shape->name, g_blocks, g_threads, argv[4], ns[0], ns[1],
	       (double)(resident_kb() - before) * 1024 / (double)g_blocks, longest / 1000);
	return 0;
}
