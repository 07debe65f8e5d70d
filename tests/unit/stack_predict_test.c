/*
 * stack_predict_test.c - what is guessed, and what it takes: records that share their words,
 * histories that meet in one line of guesses, stacks that are longer than a record can tell.
 */
#include "check.h"

#include <alloca.h>

#include "preload/predict.h"
#include "unwind.h"

#ifndef __clang__
#pragma GCC optimize("omit-frame-pointer") /* as most programs are compiled */
#endif

enum { INNER = 8, OUTER = 7, BURST = 64, PATHS = 64 };

/* From the first on that is counted. */
static uint64_t g_first, g_captures, g_at_once, g_walks;

static uint64_t walks(void)
{
	return t_cache->walks;
}

static NI uint32_t leaf(void)
{
	const struct caller from = CALLER();
	const struct record *e = predict_first(&t_cache->hot, from.ip, from.sp);
	const uint32_t guess = e->ip == from.ip ? predict_stack(e) : 0;
	const uint32_t s = stack_capture(t_cache, &from);

	if (++g_captures == g_first) {
		g_at_once = 0;
		g_walks = walks();
	}
	g_at_once += s == guess;
	return s;
}

/* ---- some thousand stacks, again and again ---- */

typedef uint32_t step_fn(unsigned path, int depth);

#define STEP(name, number, last)                                                                  \
	static NI uint32_t name##_##number(unsigned path, int depth)                              \
	{                                                                                         \
		volatile uint64_t frame[1 + number];                                              \
                                                                                                  \
		frame[0] = path;                                                                  \
		uint32_t s =                                                                      \
		        depth <= 1 ? last(path)                                                   \
		                   : name[(path >> depth % 8) % 4](path * 3 + number, depth - 1); \
		return frame[0] == path ? s : 0;                                                  \
	}
#define STEPS(name, last)              \
	static step_fn *const name[4]; \
	STEP(name, 0, last)            \
	STEP(name, 1, last)            \
	STEP(name, 2, last)            \
	STEP(name, 3, last)            \
	static step_fn *const name[4] = {name##_0, name##_1, name##_2, name##_3};

static NI uint32_t innermost(unsigned path)
{
	uint32_t s = leaf();

	ARCH_OPAQUE(path);
	return s;
}

STEPS(inner, innermost)

static NI uint32_t burst(unsigned path)
{
	uint32_t s = 0;

	for (unsigned i = 0; i < BURST; i++) {
		unsigned p = (i * 5 + path) % PATHS;

		s ^= inner[p % 4](p, INNER);
	}
	return s;
}

STEPS(outer, burst)

static void go_through(int bursts)
{
	for (int i = 0; i < bursts; i++) {
		unsigned p = (unsigned)(rnd() >> 33) % PATHS;

		outer[p % 4](p, OUTER);
	}
}

/* A record for each of 4,096 stacks of some 20 frames that had all its words would take over 200
 * bytes: a megabyte, which is read again and again. */
TEST(records_share_their_outer_words)
{
	unwind_init(128);
	g_first = 2000 * BURST;
	go_through(3000);

	const uint32_t n = stack_count(), used = t_cache->hot.predictor->used;

	printf("# %u stacks, %u bytes; of %d captures walked %lu\n", n, used, 1000 * BURST,
	       walks() - g_walks);
	OK(n > 1000);
#ifdef __clang__
	OK(used < n * 230); /* with frame pointers: twice the words, and half of them addresses */
#else
	OK(used < n * 130);
#endif
	OK(walks() - g_walks < 1000 * BURST / 20);
}

/* All but the first of a burst, and the one behind it. The histories are as many as there are lines
 * of guesses; of those that lead to one line many have stacks of the same depth. */
TEST(what_comes_again_is_guessed_at_once)
{
	unwind_init(128);
	g_first = 2000 * BURST;
	go_through(4000);
	printf("# guessed at once: %lu of %d\n", g_at_once, 2000 * BURST);
	OK(g_at_once > 2000 * BURST / 100 * 94);
}

/* ---- the pool forgets ---- */

static NI uint32_t down(int depth)
{
	volatile int here = depth;
	uint32_t s = depth ? down(depth - 1) : unwind_check();

	return here == depth ? s : 0;
}

static NI uint32_t beside(int depth)
{
	volatile int here = depth;
	uint32_t s = depth ? beside(depth - 1) : unwind_check();

	return here == depth ? s : 0;
}

/* Who calls is part of a stack. */
static NI void call(uint32_t (*f)(int), int depth)
{
	f(depth);
	ARCH_OPAQUE(depth);
}

/* Twice walked, then known. */
static NI void learns(uint32_t (*f)(int), int depth)
{
	/* One call, in a loop that stays one. */
	for (volatile int i = 0; i < 8; i++) {
		uint64_t before = walks();

		call(f, depth);
		OK(i < 3 || walks() == before);
	}
}

/* The next record shares most frames with the last one, whose words are no longer there: where they
 * lay others will, and to compare those proves nothing. */
TEST(what_the_last_record_had_is_forgotten_with_the_rest)
{
	unwind_init(128);
	for (int i = 0; i < 600; i++)
		down(i % 40);
	learns(down, 60);
	OK(t_cache->hot.predictor->n_told > 4);
	predict_flush(t_cache->hot.predictor);
	EQ(t_cache->hot.predictor->n_told, 0);
	learns(down, 61);
	learns(down, 62);
	learns(beside, 62);
	learns(down, 60);
	EQ(g_tally.mismatches, 0);
}

/* ---- far from the stack's end ---- */

static NI uint32_t wide(int depth, size_t bytes)
{
	volatile char *p = alloca(bytes);

	p[0] = p[bytes - 1] = 1;
	return down(depth) + (uint32_t)p[0] - 1;
}

static uint32_t wide_cut(int depth)
{
	return wide(depth, 700000);
}

/* Words that a record cannot tell, 512 kB and more above sp, must not be left out; of a cut stack
 * those that are looked at are near. */
TEST(words_beyond_a_records_reach)
{
	unwind_init(24);
	for (int i = 0; i < 600; i++)
		down(i % 20);
	learns(wide_cut, 40);

	uint64_t before = walks();

	for (int i = 0; i < 8; i++)
		wide(4, 700000);
	EQ(walks() - before, 8);
	learns(down, 5);
	EQ(g_tally.mismatches, 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
