/* context_test.c - contexts: who gets which, sites by stack, and the clock that blocks are dated
 * by. */
#include "preload/context_ages.h"

#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "tests/unit/check.h"

/* In place of stack.c, which the tables only hand through. */
struct stack_cache *stack_cache_new(void)
{
	return NULL;
}
void stack_cache_leased(struct stack_cache *cache)
{
	(void)cache;
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

static struct ctx *lease_as(const char *name)
{
	prctl(PR_SET_NAME, name);
	return context_lease();
}

TEST(sites_of_a_context_are_found_again_and_differ_from_anothers)
{
	struct ctx *a = context_lease(), *b = context_lease();
	uint32_t of_a[3000], wrong = 0;

	OK(a && b && a != b);
	for (uint32_t i = 0; i < 3000; i++)
		of_a[i] = context_site(a, i * 1399 % STACK_MAX);
	for (uint32_t i = 0; i < 3000; i++) {
		uint32_t of_b = context_site(b, i * 1399 % STACK_MAX);

		wrong += context_site(a, i * 1399 % STACK_MAX) != of_a[i] || of_b == of_a[i];
		wrong += !site_get(of_a[i]) || site_get(of_a[i])->stack != i * 1399 % STACK_MAX;
		wrong += site_get(of_a[i])->context != a->number;
		wrong += site_get(of_b)->context != b->number;
		wrong += of_a[i] > site_count() || of_b > site_count();
	}
	EQ(wrong, 0);
	EQ(context_site(a, 0), a->nowhere);
	EQ(context_site(a, STACK_MAX), a->nowhere);
	EQ(context_site(a, UINT32_MAX), a->nowhere);
}

/* What a snapshot is told: those that are there, ascending, and no others. */
static bool lists(const struct site *s, const uint32_t expect[FMT_AGE_BUCKETS])
{
	struct context_age age[FMT_AGE_BUCKETS];
	unsigned n = context_ages_list(s, age), at = 0;

	for (uint32_t b = 1; b < FMT_AGE_BUCKETS; b++) {
		if (!expect[b])
			continue;
		if (at == n || age[at].bucket != b || age[at].count != expect[b])
			return false;
		at++;
	}
	return at == n;
}

/* Few counts stand in a word, more in an array: at every step both say what was counted. */
TEST(ages_of_freed_blocks_are_counted_in_a_word_and_then_in_an_array)
{
	struct ctx *c = context_lease();
	uint32_t random = 1, wrong = 0, words = 0;

	OK(c);
	for (uint32_t i = 0; i < 2000; i++) {
		struct site *s = context_site_at(context_site(c, 500000 + i));
		uint32_t expect[FMT_AGE_BUCKETS] = {0}, have[FMT_AGE_BUCKETS];
		uint32_t buckets = 1 + i % 7, events = i % 300;

		for (uint32_t k = 0; k < events; k++) {
			random = random * 1664525 + 1013904223;
			unsigned bucket = 1 + (random >> 16) % buckets * 5;

			if (random >> 28 == 0 && expect[bucket]) {
				context_ages_undo(s, bucket);
				expect[bucket]--;
			} else {
				context_ages_add(c, s, bucket);
				expect[bucket]++;
			}
			context_ages(s, have);
			wrong += memcmp(have, expect, sizeof(have)) != 0;
			wrong += !lists(s, expect);
		}
		words += s->ages & AGES_FEW;
	}
	EQ(wrong, 0);
	OK(words > 200 && words < 1800); /* both were met */
}

/* A program with very many stacks frees few blocks of each. */
TEST(few_ages_of_a_site_take_no_memory)
{
	struct ctx *c = context_lease();

	OK(c);
	uint64_t before = (context_site(c, 700000), context_bytes_used());

	for (unsigned i = 0; i < 5 * 63; i++)
		context_ages_add(c, context_site_at(context_site(c, 700000)), 1 + i % 5);
	EQ(context_bytes_used(), before);
}

TEST(sites_that_are_read_together_are_those_that_are_read_alone)
{
	uint32_t wrong = 0, there = 0, n;

	for (int i = 0; i < 3; i++) {
		struct ctx *c = context_lease();

		OK(c);
		for (uint32_t stack = 1; stack <= 200; stack++)
			context_site(c, stack);
	}
	const uint32_t end = site_count() + 600;

	for (uint32_t i = 1; i < end; i += n) {
		const struct site *s = site_run(i, end - i, &n);

		OK(n && n <= end - i);
		for (uint32_t k = 0; k < n; k++) {
			const struct site *is = s && site_is_there(s + k) ? s + k : NULL;

			wrong += is != site_get(i + k);
			there += is != NULL;
			wrong += s && !is && (s[k].allocs | s[k].frees);
		}
	}
	EQ(wrong, 0);
	EQ(there, 3 * 201); /* and one for what has no stack */
}

TEST(numbers_that_are_no_site_are_holes)
{
	struct ctx *c = context_lease();

	OK(c);
	OK(!site_get(0));
	OK(!site_get(site_count()));
	OK(!site_get(site_count() + 1));
	OK(!site_get(UINT32_MAX));
	OK(site_get(c->nowhere));
}

TEST(a_context_comes_back_to_a_thread_of_the_same_name)
{
	struct ctx *reader = lease_as("reader"), *writer = lease_as("writer"), *c;
	struct context_info info;

	context_release(writer, false);
	context_release(reader, false);
	c = lease_as("writer");
	OK(c == writer);
	EQ(lease_as("anything") == reader, 1);
	context_info(writer->number, &info);
	STREQ(info.name, "writer");
	EQ(info.leased, true);
	EQ(info.n_threads, 1); /* it is the same thread still */
	EQ(context_count(), 2);
}

TEST(a_name_that_was_given_late_is_known)
{
	struct ctx *c = lease_as("early");
	struct context_info info;

	prctl(PR_SET_NAME, "late");
	for (int i = 0; i < 20; i++) {
		sleep_ms(5);
		context_now(c);
	}
	context_info(c->number, &info);
	STREQ(info.name, "late");
	prctl(PR_SET_NAME, "last");
	context_release(c, true);
	context_info(c->number, &info);
	STREQ(info.name, "last");
	EQ(info.leased, false);
}

TEST(a_thread_with_few_events_dates_each_right)
{
	struct ctx *c = context_lease();
	uint32_t last = context_tick();
	unsigned late = 0;
	bool seldom = false;

	/* The kernel's coarse clock stands still for longer than the sleep where a machine is held
	 * up; two events in one tick then are a busy thread's, and the one after them may be late.
	 */
	for (int i = 0; i < 20; i++) {
		sleep_ms(10);
		uint32_t before = context_tick();
		uint32_t now = context_now(c);
		late += now < before && seldom;
		seldom = before - last > 1;
		last = before;
	}
	EQ(late, 0);
}

TEST(a_busy_thread_is_late_by_a_few_events_at_most)
{
	struct ctx *c = context_lease();

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 10000; i++)
			context_now(c);
		sleep_ms(20);
		uint32_t before = context_tick(), now = 0;
		for (int i = 0; i < CONTEXT_CLOCK_EVERY; i++)
			now = context_now(c);
		OK(now >= before);
	}
}

static void *tick_on(void *arg)
{
	struct ctx *c = context_lease();

	(void)arg;
	sleep_ms(20);
	return (void *)(uintptr_t)context_now(c);
}

TEST(the_clock_is_one_for_all_threads)
{
	struct ctx *c = context_lease();
	pthread_t t;
	void *theirs;

	c->until = c->every = 1000000; /* this one never looks */
	pthread_create(&t, NULL, tick_on, NULL);
	pthread_join(t, &theirs);
	EQ(context_now(c), (uintptr_t)theirs);
	OK(theirs != NULL);
}

TEST(memory_of_a_context_is_zero_and_its_own)
{
	struct ctx *c = context_lease();
	unsigned wrong = 0;

	for (int i = 0; i < 2000; i++) {
		uint32_t n = (uint32_t)(1 + i * 37 % 1024);
		unsigned char *p = context_small(c, n);

		if (!p || (uintptr_t)p % 8) {
			wrong++;
			continue;
		}
		for (uint32_t k = 0; k < n; k++)
			wrong += p[k] != 0;
		memset(p, 0xff, n);
	}
	EQ(wrong, 0);
}

TEST(losses_are_counted_by_reason)
{
	struct context_audit a;

	for (unsigned i = 0; i < 8; i++)
		for (unsigned k = 0; k < i; k++)
			context_lost(i);
	context_audit(&a);
	for (unsigned i = 0; i < 8; i++)
		EQ(a.lost[i], i);
}

TEST(a_context_costs_little_until_it_is_used)
{
	uint64_t before;

	context_lease();
	before = context_bytes_used();
	for (int i = 0; i < 100; i++)
		context_lease();
	printf("# %.1f kB a context\n", (double)(context_bytes_used() - before) / 100 / 1024);
	OK(context_bytes_used() - before <= 100 * 16384);
}

int main(int argc, char **argv)
{
	context_init();
	return check_main(argc, argv);
}
