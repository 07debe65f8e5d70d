/*
 * live_growth_test.c - the table of live blocks while it grows: threads whose first blocks come at
 * the same moment, into the same regions, spans, lines and ways, which nobody has used before.
 */
#include <pthread.h>

#include "preload/live_hot.h"
#include "tests/unit/check.h"
#include "tests/unit/together.h"

enum { THREADS = 4, ROUNDS = 60, REGIONS = 8, SPANS = 128, EACH = 7 };

static struct together g_together = {.n = THREADS};

/* In regions that are new in each round. In a span the threads take turns, so that lines and ways
 * fill up with what all of them put there. */
static uintptr_t address_of(unsigned round, unsigned span, unsigned thread, unsigned i)
{
	uintptr_t region = round * REGIONS + span * REGIONS / SPANS;

	return 0x100000000000 + (region << LIVE_REGION_SHIFT) +
	       ((uintptr_t)span << LIVE_SPAN_SHIFT) + (i * THREADS + thread) * 32;
}

/* Every second span has only blocks that no way holds. */
static struct block block_of(unsigned span, unsigned thread, unsigned i)
{
	return (struct block){span % 2 ? 24 : LIVE_SMALL + 1 + i, 1 + thread, span * EACH + i};
}

static uint64_t put_all(unsigned round, unsigned me)
{
	uint64_t wrong = 0;

	for (unsigned span = 0; span < SPANS; span++)
		for (unsigned i = 0; i < EACH; i++) {
			struct block b = block_of(span, me, i), stale;

			wrong += live_put(address_of(round, span, me, i), &b, &stale) != 0;
		}
	return wrong;
}

static uint64_t take_all(unsigned round, unsigned me)
{
	uint64_t wrong = 0;

	for (unsigned span = 0; span < SPANS; span++)
		for (unsigned i = 0; i < EACH; i++) {
			struct block want = block_of(span, me, i), got = {0};

			wrong += !live_take(address_of(round, span, me, i), &got) ||
			         got.size != want.size || got.site != want.site ||
			         got.birth != want.birth;
		}
	return wrong;
}

static void *grow(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	uint64_t wrong = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		together(&g_together);
		wrong += put_all(round, me);
		together(&g_together);
		wrong += take_all(round, me);
	}
	return (void *)wrong;
}

static void count(uintptr_t a, const struct block *b, void *arg)
{
	(void)a;
	(void)b;
	++*(unsigned *)arg;
}

TEST(no_block_is_lost_when_threads_make_the_table_grow_at_the_same_place)
{
	pthread_t t[THREADS];
	unsigned left = 0;

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, grow, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(t[i], &wrong);
		EQ((uintptr_t)wrong, 0);
	}
	live_walk(count, &left);
	EQ(left, 0);
}

int main(int argc, char **argv)
{
	live_init();
	return check_main(argc, argv);
}
