/* live_test.c - the table of live blocks: against a model, its memory, a walk beside running
 * threads. */
#include "preload/live.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "preload/live_hot.h"
#include "tests/unit/check.h"

static uint64_t g_random = 0x9e3779b97f4a7c15u;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A heap in which block i of `gap` bytes may be present: the table against an array. */
enum { MODEL = 4096 };
struct model {
	uintptr_t base, gap;
	bool present[MODEL];
	struct block block[MODEL];
	unsigned seen[MODEL];
	unsigned strangers;
};

static bool same(const struct block *a, const struct block *b)
{
	return a->size == b->size && a->site == b->site && a->birth == b->birth;
}

static void see(uintptr_t a, const struct block *b, void *arg)
{
	struct model *m = arg;
	uintptr_t i = (a - m->base) / m->gap;

	if (a < m->base || i >= MODEL || (a - m->base) % m->gap || !m->present[i] ||
	    !same(b, &m->block[i])) {
		m->strangers++;
		return;
	}
	m->seen[i]++;
}

static void check_walk(struct model *m)
{
	unsigned wrong = 0;

	memset(m->seen, 0, sizeof(m->seen));
	m->strangers = 0;
	live_walk(see, m);
	for (int i = 0; i < MODEL; i++)
		wrong += m->seen[i] != m->present[i];
	EQ(wrong, 0);
	EQ(m->strangers, 0);
}

static struct block random_block(uint64_t biggest)
{
	return (struct block){
	        .size = next_random(&g_random) % (biggest + 1),
	        .site = (uint32_t)(1 + next_random(&g_random) % (LIVE_SITE_MAX - 1)),
	        .birth = (uint32_t)(next_random(&g_random) & 0x7fffffff),
	};
}

/* As track_plain.c does it, or as track_heap.c. */
static int put(uintptr_t a, const struct block *b, struct block *stale)
{
	struct live_region *r;
	uint64_t *word = live_fetch(a, &r);

	stale->site = 0;
	return next_random(&g_random) % 2 && live_put_hot(r, word, a, b) ? 0
	                                                                 : live_put(a, b, stale);
}

static bool take(uintptr_t a, struct block *out)
{
	return (next_random(&g_random) % 2 && live_take_hot(a, out)) || live_take(a, out);
}

static void model_step(struct model *m, uint64_t biggest)
{
	size_t i = next_random(&g_random) % MODEL;
	uintptr_t a = m->base + i * m->gap;
	struct block b = random_block(biggest), got = {0};

	switch (next_random(&g_random) % 8) {
	case 0: /* an unseen free may lie behind it */
	case 1:
	case 2:
	case 3:
		if (m->present[i] && next_random(&g_random) % 16)
			break;
		EQ(put(a, &b, &got), m->present[i]);
		if (m->present[i])
			OK(same(&got, &m->block[i]));
		else
			EQ(got.site, 0);
		m->present[i] = true;
		m->block[i] = b;
		break;
	case 4:
		EQ(live_find(a, &got), m->present[i]);
		if (m->present[i])
			OK(same(&got, &m->block[i]));
		break;
	default:
		EQ(take(a, &got), m->present[i]);
		if (m->present[i])
			OK(same(&got, &m->block[i]));
		m->present[i] = false;
	}
}

static void run_model(uintptr_t base, uintptr_t gap, uint64_t biggest)
{
	static struct model m;

	memset(&m, 0, sizeof(m));
	m.base = base;
	m.gap = gap;
	for (int i = 0; i < 200000 && !check_bad; i++)
		model_step(&m, biggest);
	check_walk(&m);
	for (size_t i = 0; i < MODEL; i++) {
		struct block got;

		EQ(live_take(base + i * gap, &got), m.present[i]);
		m.present[i] = false;
	}
	check_walk(&m);
}

TEST(eight_byte_classes_are_told_apart)
{
	run_model(0x550000000000, 8, 8);
}

TEST(sixteen_byte_classes_are_told_apart)
{
	run_model(0x550000000000, 16, 16);
}

TEST(small_blocks_of_glibc)
{
	run_model(0x550000000010, 32, 24);
	run_model(0x560000000010, 48, 40);
	run_model(0x7f0000000010, 112, 104);
}

TEST(sizes_on_both_sides_of_what_a_way_can_hold)
{
	run_model(0x550000000010, 80, 2 * LIVE_SMALL);
	run_model(0x550040000008, 24, 300);
}

TEST(large_blocks_over_many_regions)
{
	run_model(0x7f0000000010, 4096, 1 << 20);
	run_model(0x100000000010, 1ul << 30, 1ul << 34);
}

TEST(sizes_of_34_bits_and_more_are_whole)
{
	run_model(0x100000000010, 1ul << 32, LIVE_HUGE - 1);
}

TEST(blocks_of_terabytes_are_kept_and_their_room_is_given_back)
{
	static struct model m;

	m = (struct model){.base = 0x100000000010, .gap = 1ul << 33};
	for (int round = 0; round < 20; round++) {
		for (unsigned i = 0; i < LIVE_HUGES; i++) {
			struct block b = {(1ull << 46) + i, 1 + i, i}, stale;

			EQ(live_put(m.base + i * m.gap, &b, &stale), 0);
			m.block[i] = b;
			m.present[i] = true;
		}
		struct block one_more = {1ull << 46, 1, 1}, stale;
		EQ(live_put(0x90, &one_more, &stale), -ENOMEM);
		check_walk(&m);
		for (unsigned i = 0; i < LIVE_HUGES; i++) {
			struct block got;

			OK(live_take(m.base + i * m.gap, &got));
			EQ(got.size, m.block[i].size);
			m.present[i] = false;
		}
	}
}

TEST(what_cannot_be_kept_is_refused)
{
	struct block b = {1, 1, 1}, none = {1, 0, 1}, stale;

	EQ(live_put(0x1003, &b, &stale), -ENOMEM);
	EQ(live_put(1ul << 47, &b, &stale), -ENOMEM);
	EQ(live_put(0x1000, &none, &stale), -ENOMEM);
	OK(!live_take(0x1003, &stale));
	OK(!live_take(~7ul, &stale));
	OK(!live_take(0, &stale));
	OK(!live_find(0x123456789000, &stale));
}

TEST(a_block_made_before_its_span_was_dense_is_found_after)
{
	struct block b = {24, 7, 9}, got, stale;

	for (uintptr_t a = 0x10000; a < 0x10400; a += 32)
		EQ(live_put(a, &b, &stale), 0);
	for (uintptr_t a = 0x10000; a < 0x10400; a += 32)
		EQ(live_put(a, &b, &stale), 1);
	for (uintptr_t a = 0x10000; a < 0x10400; a += 32) {
		OK(live_take(a, &got));
		OK(!live_take(a, &got));
	}
}

/* What was in lines when the span got its way is searched for once more, and no longer than it is
 * there. */
TEST(a_granule_whose_blocks_came_home_needs_no_search)
{
	struct block b = {24, 7, 9}, got, stale;
	const uintptr_t base = 0x10000;
	struct live_region *r;
	struct live_span *s;

	for (uintptr_t a = base; a < base + 1024; a += 32)
		EQ(live_put(a, &b, &stale), 0);
	r = live_region(base);
	s = live_span_of(r, base);
	OK(live_word(r, base) && s->lines && s->mask);
	for (int round = 0; round < 2; round++) {
		for (uintptr_t a = base; a < base + 1024; a += 32)
			OK(live_take(a, &got));
		for (uintptr_t a = base; a < base + 1024; a += 32)
			EQ(live_put(a, &b, &stale), 0);
	}
	EQ(s->mask, 0);
	EQ(live_put(base + 16, &b, &stale), 0); /* two in a granule */
	OK(s->mask & 1);
	EQ(live_put(base + 16, &b, &stale), 1);
	OK(live_take(base + 16, &got) && live_take(base, &got));
	EQ(live_put(base, &b, &stale), 0);
	EQ(s->mask & 1, 0);
}

static bool put_hot(uintptr_t a, uint64_t size)
{
	const struct block b = {size, 7, 9};
	struct live_region *r;
	uint64_t *word = live_fetch(a, &r);

	return live_put_hot(r, word, a, &b);
}

/* Where the table has a way, a large block is put beside it without a search only if no block whose
 * free was not seen can be there, wherever that was put. */
TEST(large_blocks_beside_a_way_hide_no_block_whose_free_was_not_seen)
{
	struct block small = {24, 7, 9}, large = {1000, 7, 9}, got = {0};
	const uintptr_t base = 0x10000;

	for (int round = 0; round < 2; round++) {
		for (uintptr_t a = base; a < base + 1024; a += 32)
			EQ(live_put(a, &small, &got), 0);
		for (uintptr_t a = base; !round && a < base + 1024; a += 32)
			OK(live_take(a, &got));
	}
	OK(!put_hot(base, large.size)); /* in the way */
	OK(live_take_hot(base, &got) && got.size == small.size);
	OK(put_hot(base, large.size));
	OK(!put_hot(base, small.size)); /* in a line */
	OK(!put_hot(base, large.size));
	OK(live_take_hot(base, &got) && got.size == large.size);
	OK(!live_take(base, &got));
	EQ(live_put(base, &small, &got), 0);
	/* The line is full, then further ways come, then the line has room again. */
	for (uintptr_t k = LIVE_SLOTS + 1; k--;)
		EQ(live_put(base + 16 + k * 32, &small, &got), 0);
	OK(live_take(base + 16 + LIVE_SLOTS * 32, &got));
	OK(!put_hot(base + 16, large.size)); /* in further ways */
	EQ(live_put(base + 16, &large, &got), 1);
	EQ(got.size, small.size);
	OK(live_take(base + 16, &got) && got.size == large.size && !live_take(base + 16, &got));
}

/* ---- memory ---- */

static uint64_t g_blocks, g_bytes;

static void count(uintptr_t a, const struct block *b, void *arg)
{
	(void)a;
	(void)arg;
	g_blocks++;
	g_bytes += b->size;
}

/* At most 48 bytes a block or an eighth of the live bytes. Sizes in turn, as glibc places them. */
static void check_memory(const char *what, const uint64_t *sizes, unsigned n_sizes)
{
	const char *env = getenv("LIVE_BLOCKS");
	uint64_t n = env ? strtoull(env, NULL, 0) : 1000000, live = 0, allowed, used;
	uintptr_t a = 0x7f0000000010;
	struct block stale;

	for (uint64_t i = 0; i < n; i++) {
		struct block b = {sizes[i % n_sizes], 1, 1};

		if (live_put(a, &b, &stale))
			FAIL("block %" PRIu64 " of %s is not kept", i, what);
		live += b.size;
		a += b.size + 8 < 32 ? 32 : (b.size + 8 + 15) & ~15ull;
	}
	used = live_bytes_used();
	allowed = 48 * n > live / 8 ? 48 * n : live / 8;
	printf("# %s: %.1f bytes a block, %.3f of the live bytes\n", what, (double)used / n,
	       (double)used / live);
	OK(used <= allowed);
	live_walk(count, NULL);
	EQ(g_blocks, n);
	EQ(g_bytes, live);
}

#define MEMORY(...)                                                 \
	check_memory(#__VA_ARGS__, (const uint64_t[]){__VA_ARGS__}, \
	             sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

TEST(memory_of_blocks_of_32)
{
	MEMORY(32);
}
TEST(memory_of_blocks_of_128)
{
	MEMORY(128);
}
TEST(memory_of_blocks_of_160)
{
	MEMORY(160);
}
TEST(memory_of_blocks_of_400)
{
	MEMORY(400);
}
TEST(memory_of_blocks_of_1024)
{
	MEMORY(1024);
}
TEST(memory_of_large_blocks)
{
	MEMORY(20000);
}
TEST(memory_of_many_sizes_side_by_side)
{
	MEMORY(32, 128, 1024);
}
TEST(memory_of_small_blocks_among_large_ones)
{
	MEMORY(24, 24, 24, 24, 8000);
}
TEST(memory_of_a_usual_mix)
{
	MEMORY(16, 24, 32, 40, 56, 64, 100, 24, 24, 520, 200, 32, 72, 88, 4096, 24);
}

/* ---- threads ---- */

enum { THREADS = 8, EACH = 512, ROUNDS = 200 };
static bool g_stop, g_met;

/* Each thread has every eighth address: they share spans, granules and lines. */
static uintptr_t shared_address(unsigned thread, unsigned i)
{
	return 0x7e0000000000 + (uintptr_t)(i * THREADS + thread) * 16;
}

static void *hammer(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	uint64_t random = 88172645463325252u + me, wrong = 0;

	/* On, if need be, until the walk has met one of these. */
	for (int round = 0; round < ROUNDS || !__atomic_load_n(&g_met, __ATOMIC_RELAXED); round++) {
		for (unsigned i = 1; i < EACH; i++) { /* number 0 of each thread stays */
			struct block b = {next_random(&random) % 600, 1 + me, i}, stale;

			wrong += live_put(shared_address(me, i), &b, &stale) != 0;
		}
		for (unsigned i = 1; i < EACH; i++) {
			struct block got;

			if (!live_take(shared_address(me, i), &got))
				wrong++;
			else
				wrong += got.site != 1 + me || got.birth != i;
		}
	}
	return (void *)wrong;
}

struct watch {
	unsigned stays[THREADS];
	uint64_t wrong, others;
};

static void watch(uintptr_t a, const struct block *b, void *arg)
{
	struct watch *w = arg;
	uintptr_t n = (a - shared_address(0, 0)) / 16;
	unsigned thread = n % THREADS, i = (unsigned)(n / THREADS);

	w->wrong += i >= EACH || b->site != 1 + thread || b->birth != i;
	if (i == 0) {
		w->stays[thread]++;
		w->wrong += b->size != 77777 && b->size != 200;
	} else {
		w->others++;
		w->wrong += b->size >= 600;
	}
}

static void *walker(void *arg)
{
	struct watch *sum = arg;

	while (!__atomic_load_n(&g_stop, __ATOMIC_RELAXED)) {
		struct watch w = {0};

		live_walk(watch, &w);
		for (int t = 0; t < THREADS; t++)
			w.wrong += w.stays[t] != 1;
		sum->wrong += w.wrong;
		sum->others += w.others;
		if (w.others)
			__atomic_store_n(&g_met, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST(a_walk_beside_threads_shows_each_block_that_stays_once_and_nothing_false)
{
	pthread_t t[THREADS], w;
	struct watch sum = {0};

	for (unsigned i = 0; i < THREADS; i++) {
		struct block b = {i % 2 ? 77777 : 200, 1 + i, 0}, stale;

		EQ(live_put(shared_address(i, 0), &b, &stale), 0);
	}
	pthread_create(&w, NULL, walker, &sum);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, hammer, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(t[i], &wrong);
		EQ((uintptr_t)wrong, 0);
	}
	__atomic_store_n(&g_stop, true, __ATOMIC_RELAXED);
	pthread_join(w, NULL);
	EQ(sum.wrong, 0);
	OK(sum.others > 0);
	live_walk(count, NULL);
	EQ(g_blocks, THREADS);
}

/* One thread makes, another frees: what the first wrote must be there for the second. */
static uintptr_t g_handed[64];

static void *consumer(void *arg)
{
	uint64_t wrong = 0;

	(void)arg;
	for (unsigned n = 0; n < 200000; n++) {
		uintptr_t *slot = &g_handed[n % 64], a;
		struct block got;

		while (!(a = __atomic_load_n(slot, __ATOMIC_ACQUIRE)))
			sched_yield();
		wrong += !live_take(a, &got) || got.birth != n;
		__atomic_store_n(slot, 0, __ATOMIC_RELEASE);
	}
	return (void *)wrong;
}

TEST(blocks_freed_by_another_thread_are_found)
{
	pthread_t t;
	void *wrong;

	pthread_create(&t, NULL, consumer, NULL);
	for (unsigned n = 0; n < 200000; n++) {
		uintptr_t *slot = &g_handed[n % 64], a = 0x20000 + (uintptr_t)(n % 64) * 48;
		struct block b = {n % 500, 1, n}, stale;

		while (__atomic_load_n(slot, __ATOMIC_ACQUIRE))
			sched_yield();
		if (live_put(a, &b, &stale))
			FAIL("block %u is not kept", n);
		__atomic_store_n(slot, a, __ATOMIC_RELEASE);
	}
	pthread_join(t, &wrong);
	EQ((uintptr_t)wrong, 0);
}

TEST(locks_that_a_thread_held_at_a_fork_are_free_in_the_child)
{
	struct block b = {100, 1, 1}, stale;

	sys_lock(live_store_lock(0x30000));
	live_fork_child();
	EQ(live_put(0x30000, &b, &stale), 0);
	OK(live_take(0x30000, &stale));
}

TEST(a_walk_does_not_fault_in_directory_that_nobody_used)
{
	struct block b = {100, 1, 1}, stale;
	long resident[2];

	for (int i = 0; i < 2; i++) {
		unsigned char there[sizeof(struct live_region) / 4096];
		const struct live_region *r = live_regions;

		if (!i)
			EQ(live_put(0x7e0012345678, &b, &stale), 0);
		for (uintptr_t k = 0; !i && k < 64; k++)
			EQ(live_put(0x7e0001234000 + k * 32, &b, &stale), 0);
		if (i)
			live_walk(count, NULL);
		r = live_regions;
		resident[i] = 0;
		EQ(mincore((void *)r, sizeof(*r), there), 0);
		for (size_t k = 0; k < sizeof(there); k++)
			resident[i] += there[k] & 1;
	}
	EQ(g_blocks, 65);
	OK(resident[0] > 0);
	EQ(resident[0], resident[1]);
}

int main(int argc, char **argv)
{
	live_init();
	return check_main(argc, argv);
}
