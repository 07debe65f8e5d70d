/*
 * sample_test.c - sampled mode: that estimates are unbiased, against what was really allocated,
 * over thousands of runs of known seeds; that their stated errors are their errors; and that a free
 * takes away exactly what its allocation added. Stacks are numbers: a caller's ip is the stack.
 */
#include "preload/sample.h"

#include <math.h>
#include <pthread.h>

#include "check.h"
#include "fake_stack.h"
#include "preload/context.h"
#include "preload/live.h"
#include "preload/track.h"

/* ---- shorthand ---- */

static void begin(uint64_t period, uint64_t seed)
{
	sample_init(period, seed);
	t_self.left = t_self.random = 0;
}

static void make(uintptr_t n, size_t bytes, uint32_t stack)
{
	track_alloc((void *)(0x7f0000000010 + n * 64), bytes, &(struct caller){.ip = stack});
}

static bool drop(uintptr_t n)
{
	return track_free((void *)(0x7f0000000010 + n * 64), NULL);
}

/* A stack's sums over all contexts, in blocks and bytes and their squares. */
struct figures {
	double allocs, bytes, frees, bytes_freed, temporary, made, freed;
	double objects_variance, bytes_variance; /* of allocs and bytes */
	double live_objects_variance, live_bytes_variance;
};

static struct figures figures(uint32_t stack)
{
	struct figures f = {0};
	double period = (double)g_sample_period;

	for (uint32_t i = 1; i <= site_count(); i++) {
		const struct site *s = site_get(i);
		const struct site_sampled *more;

		if (!s || s->stack != stack || !(more = site_sampled(s)))
			continue;
		f.allocs += (double)s->allocs / 65536;
		f.frees += (double)s->frees / 65536;
		f.temporary += (double)s->temporary / 65536;
		f.bytes += (double)s->bytes;
		f.bytes_freed += (double)s->bytes_freed;
		f.made += (double)more->made;
		f.freed += (double)more->freed;
		f.objects_variance += (double)more->objects_variance / 256;
		f.bytes_variance += (double)more->bytes_variance / 65536 * period * period;
		f.live_objects_variance +=
		        (double)(int64_t)(more->objects_variance - more->objects_variance_freed) /
		        256;
		f.live_bytes_variance +=
		        (double)(int64_t)(more->bytes_variance - more->bytes_variance_freed) /
		        65536 * period * period;
	}
	return f;
}

/* ---- weights ---- */

TEST(weights_are_those_of_the_formula)
{
	static const uint64_t periods[] = {2, 64, 4096, 524288, 1ull << 32};
	struct sample_weight w;

	for (unsigned i = 0; i < sizeof(periods) / sizeof(periods[0]); i++)
		for (double size = 1; size < 1e12; size = ceil(size * 1.7)) {
			double x = size / (double)periods[i];
			double p = -expm1(-(size + 1) / (double)periods[i]);
			double objects = 65536 / p, bytes = size / p, scaled = x / p;

			sample_init(periods[i], 1);
			sample_weigh((uint64_t)size, &w);
			OK(fabs((double)w.objects - objects) <= 0.51 + objects * 1e-12);
			OK(fabs((double)w.bytes - bytes) <= 0.51 + bytes * 1e-12);
			OK(fabs((double)w.bytes_variance - 65536 * (1 - p) * scaled * scaled) <=
			   0.51 + 65536 * 1e-9);
			double variance = fmin(256 * (1 - p) / p / p, 9007199254740992.0);
			OK(fabs((double)w.objects_variance - variance) <= 0.51 + variance * 1e-9);
		}
}

TEST(an_empty_block_has_a_weight)
{
	struct sample_weight none;

	sample_init(4096, 1);
	sample_weigh(0, &none);
	OK(none.objects > 4096ul * 65536 && none.objects < 4097ul * 65536);
	EQ(none.bytes, 0);
	EQ(none.bytes_variance, 0);
}

/* By chance one block of ten bytes in 22,000 would have no point, and one of a byte in three. */
TEST(a_point_in_every_byte_misses_nothing)
{
	struct sample_weight w;
	uint64_t left = 0, random = 0;

	sample_init(1, 1);
	for (uint64_t size = 0; size < 100000; size++)
		OK(sample_draw(&left, &random, size % 11));
	for (uint64_t size = 1; size < 1 << 20; size *= 2) {
		sample_weigh(size, &w);
		EQ(w.objects, 1 << SAMPLE_FRACTION_BITS);
		EQ(w.bytes, size);
		EQ(w.objects_variance, 0);
		EQ(w.bytes_variance, 0);
	}
}

/* ---- estimates ---- */

enum { RUNS = 4000, SITES = 5 };

/* Stacks 1 to SITES: tiny, mixed, about the period, far above it, empty. */
static size_t size_of(uint32_t stack, unsigned i)
{
	switch (stack) {
	case 1:
		return 16;
	case 2:
		return 1 + i * 7919 % 3000;
	case 3:
		return 4000 + i % 200;
	case 4:
		return 12000;
	default:
		return 0;
	}
}
static const unsigned made_of[SITES + 1] = {0, 900, 120, 20, 10, 400};

struct truth {
	double allocs, bytes, live, live_bytes;
};

static struct truth truth(uint32_t stack)
{
	struct truth t = {0};

	for (unsigned i = 0; i < made_of[stack]; i++) {
		t.allocs++;
		t.bytes += (double)size_of(stack, i);
		t.live += i % 3 != 0;
		t.live_bytes += i % 3 ? (double)size_of(stack, i) : 0;
	}
	return t;
}

/* Every third block is freed, after all were made. */
static void one_run(uint64_t seed)
{
	uintptr_t n = 0;

	begin(4096, seed);
	for (unsigned i = 0; i < 900; i++)
		for (uint32_t stack = 1; stack <= SITES; stack++)
			if (i < made_of[stack])
				make(n++, size_of(stack, i), stack);
	n = 0;
	for (unsigned i = 0; i < 900; i++)
		for (uint32_t stack = 1; stack <= SITES; stack++)
			if (i < made_of[stack] && (n++, i % 3 == 0))
				drop(n - 1);
}

/* The next run begins with an empty heap; what it adds is what figures() says more than before. */
static void clear_heap(void)
{
	for (uintptr_t n = 0; n < 2000; n++)
		drop(n);
}

struct column {
	double sum, squares, variance; /* of the estimates; variance: as they state it */
	unsigned near;                 /* within two stated errors */
};

static void note(struct column *c, double estimate, double variance, double wanted)
{
	double d = estimate - wanted;

	c->sum += d;
	c->squares += d * d;
	c->variance += variance;
	c->near += fabs(d) <= 2 * sqrt(variance);
}

/* The mean of RUNS estimates lies within four of its own errors of the truth, the stated variance
 * within a tenth of what is seen, and two stated errors hold the truth as often as they should. */
static void judge(const struct column *c, const char *what, uint32_t stack)
{
	double mean = c->sum / RUNS, seen = c->squares / RUNS, stated = c->variance / RUNS;

	if (fabs(mean) > 4 * sqrt(seen / RUNS) + 1e-4)
		FAIL("%s of stack %u: biased by %g, error of the mean %g", what, stack, mean,
		     sqrt(seen / RUNS));
	if (fabs(seen - stated) > 0.1 * seen + 0.01)
		FAIL("%s of stack %u: variance %g, stated as %g", what, stack, seen, stated);
}

TEST(estimates_are_unbiased_and_their_errors_true)
{
	static struct column allocs[SITES + 1], bytes[SITES + 1], live[SITES + 1],
	        live_bytes[SITES + 1];

	for (uint64_t run = 1; run <= RUNS; run++) {
		struct figures before[SITES + 1];

		for (uint32_t stack = 1; stack <= SITES; stack++)
			before[stack] = figures(stack);
		one_run(run);
		for (uint32_t stack = 1; stack <= SITES; stack++) {
			struct figures f = figures(stack), *b = &before[stack];
			struct truth t = truth(stack);

			note(&allocs[stack], f.allocs - b->allocs,
			     f.objects_variance - b->objects_variance, t.allocs);
			note(&bytes[stack], f.bytes - b->bytes,
			     f.bytes_variance - b->bytes_variance, t.bytes);
			note(&live[stack], f.allocs - f.frees, f.live_objects_variance, t.live);
			note(&live_bytes[stack], f.bytes - f.bytes_freed, f.live_bytes_variance,
			     t.live_bytes);
		}
		clear_heap();
	}
	for (uint32_t stack = 1; stack <= SITES; stack++) {
		judge(&allocs[stack], "allocs", stack);
		judge(&bytes[stack], "bytes", stack);
		judge(&live[stack], "live blocks", stack);
		judge(&live_bytes[stack], "live bytes", stack);
	}
	/* Where samples are many, two errors are the 95 % of a normal distribution. */
	OK(bytes[2].near > RUNS * 0.9 && bytes[2].near < RUNS * 0.98);
}

TEST(one_seed_one_result)
{
	struct figures first, second;

	one_run(77);
	first = figures(2);
	clear_heap();
	one_run(77);
	second = figures(2);
	EQ(second.made, 2 * first.made);
	OK(second.bytes == 2 * first.bytes);
	clear_heap();
	one_run(78);
	OK(figures(2).bytes != 3 * first.bytes);
}

/* ---- frees ---- */

TEST(what_is_freed_is_taken_away_to_the_last_bit)
{
	begin(4096, 5);
	for (uintptr_t n = 0; n < 2000; n++)
		make(n, 1 + n * 37 % 20000, 1);
	OK(figures(1).made > 500);
	clear_heap();
	struct figures f = figures(1);
	EQ(f.made, f.freed);
	OK(f.allocs == f.frees && f.bytes == f.bytes_freed);
	OK(f.live_bytes_variance == 0 && f.live_objects_variance == 0);
	EQ(context_live_bytes(), 0);
	for (uint32_t i = 0; i < SAMPLE_SLOTS; i++)
		EQ(g_sample_filter[i], 0);
}

TEST(a_free_that_failed_is_undone_to_the_last_bit)
{
	struct block was;
	struct figures before, after;

	begin(64, 5);
	make(1, 100000, 1);
	before = figures(1);
	EQ(before.made, 1);
	OK(track_free((void *)(0x7f0000000010 + 64), &was));
	track_restore((void *)(0x7f0000000010 + 64), &was);
	after = figures(1);
	OK(!memcmp(&before, &after, sizeof(before)));
	OK(drop(1));
	OK(figures(1).frees == before.allocs);
}

TEST(frees_of_what_was_passed_over_are_no_strangers)
{
	struct context_audit a;

	begin(1u << 30, 5);
	for (uintptr_t n = 0; n < 100; n++)
		make(n, 10, 1);
	clear_heap();
	context_audit(&a);
	EQ(a.unknown_frees, 0);
	EQ(figures(1).made, 0);
}

TEST(blocks_behind_full_slots_are_found)
{
	/* A multiple of 2^32 more is the same slot: more of them than its counter can count. */
	begin(1, 5); /* all are recorded */
	for (uintptr_t n = 1; n <= 600; n++)
		track_alloc((void *)(16 + (n << 36)), 1000, &(struct caller){.ip = 1});
	EQ(figures(1).made, 600);
	EQ(g_sample_filter[sample_slot(16 + (1ul << 36))], 255);
	for (uintptr_t n = 1; n <= 600; n++)
		track_free((void *)(16 + (n << 36)), NULL);
	EQ(figures(1).freed, 600);
}

/* A sample that is freed after others were made, none of which was a sample, is none. */
TEST(temporary_is_told_by_bytes_not_by_samples)
{
	begin(1u << 20, 5);
	make(1, 1u << 30, 1);
	OK(drop(1));
	OK(figures(1).temporary > 0);
	make(1, 1u << 30, 2);
	make(2, 1, 2);
	OK(drop(1));
	EQ(figures(2).temporary, 0);
}

/* ---- threads, forks, exact mode ---- */

static void *draw_first(void *arg)
{
	make(1, 0, 9);
	*(uint64_t *)arg = t_self.random;
	return NULL;
}

TEST(threads_draw_each_its_own)
{
	uint64_t random[8];

	begin(4096, 5);
	for (int i = 0; i < 8; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, draw_first, &random[i]);
		pthread_join(thread, NULL);
		OK(random[i]);
		for (int k = 0; k < i; k++)
			OK(random[i] != random[k]);
	}
}

TEST(children_of_fork_draw_each_its_own)
{
	uint64_t mine;

	begin(4096, 0);
	make(1, 0, 1);
	mine = t_self.random;
	track_fork_child();
	EQ(t_self.left, 0);
	make(2, 0, 1);
	OK(t_self.random && t_self.random != mine);
}

/* A failed allocation of half the address space must not use up the distance to the next sample;
 * nor may failures, be they large or small beside it, tell anything of the blocks after them. */
TEST(what_was_not_allocated_biases_nothing)
{
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, 3000, 1, 0};
	static struct column live;

	for (uint64_t run = 1; run <= RUNS; run++) {
		begin(4096, run);
		for (uintptr_t n = 0; n < 100; n++) {
			track_alloc(NULL, sizes[n % 5], &(struct caller){.ip = 1});
			make(n, 2000, 1);
		}
		struct figures f = figures(1);

		note(&live, f.allocs - f.frees, f.live_objects_variance, 100);
		clear_heap();
	}
	judge(&live, "live blocks after failures", 1);
}

/* Between the comparison and the subtraction a handler may allocate as well: the distance then is
 * negative, and that is taken for a very long one. */
TEST(a_distance_that_a_handler_has_used_up_is_drawn_anew)
{
	begin(4096, 5);
	make(1, 1 << 20, 1);
	t_self.left = -50ul;
	make(2, 1 << 20, 1);
	EQ(figures(1).made, 1);
	OK(drop(1));
	OK(t_self.left < 1 << 20);
	make(2, 1 << 20, 1);
	EQ(figures(1).made, 2);
}

/* Of one page, and of one offset in one page each: such blocks must not share a few slots. */
TEST(slots_are_shared_evenly)
{
	static const uint64_t steps[] = {16, 48, 4096, 5 * 4096, 65536, 1 << 20, 1 << 26, 33 << 12};

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		static uint8_t seen[SAMPLE_SLOTS];
		unsigned most = 0;

		memset(seen, 0, sizeof(seen));
		for (uint64_t n = 0; n < 60; n++) {
			uint8_t *slot = &seen[sample_slot(0x7f3a12345010 + n * steps[i])];

			most = ++*slot > most ? *slot : most;
		}
		OK(most == 1);
	}
}

TEST(exact_mode_passes_nothing_over)
{
	sample_init(0, 5);
	for (uintptr_t n = 0; n < 1000; n++)
		make(n, n, 1);
	EQ(t_self.left, 0);
	for (uintptr_t n = 0; n < 1000; n++)
		OK(drop(n));
	for (uint32_t i = 1; i <= site_count(); i++)
		if (site_get(i) && site_get(i)->stack == 1) {
			EQ(site_get(i)->allocs, 1000);
			EQ(site_get(i)->frees, 1000);
			EQ(site_get(i)->bytes, 999 * 500);
		}
}

int main(int argc, char **argv)
{
	live_init();
	context_init();
	g_tracking = true;
	return check_main(argc, argv);
}
