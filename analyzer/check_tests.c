/*
 * check_tests.c - the heap of each test against figures. A test that runs in several processes is
 * held in each of them by itself, and one that runs twice, twice.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

/* Where most of it was made, of what is there still when the process ends. */
struct most {
	uint32_t stack;
	uint64_t blocks, bytes;
};

static bool exceeds(const struct check_limit *limit, uint64_t amount)
{
	return limit->given && amount > limit->most;
}

bool check_tests_want_names(const struct check_work *w)
{
	const struct check_gates *g = &w->check->gates;

	for (uint32_t i = 0; g->per == CHECK_PER_TEST && i < w->b->n_test_sums; i++)
		if (exceeds(&g->residue, w->b->test_sum[i].left_bytes))
			return true;
	return false;
}

static struct most find_most(const struct snapshot *s, const struct test_sum *sum)
{
	struct most most = {0};

	for (uint32_t i = 0; i < s->n_tests; i++) {
		const struct test *t = &s->test[i];
		if (t->begin_ns != sum->begin_ns || t->name != sum->name)
			continue;
		for (uint32_t k = 0; k < t->n_grown; k++)
			if (t->grown[k].bytes > most.bytes)
				most = (struct most){t->grown[k].stack, t->grown[k].blocks,
				                     t->grown[k].bytes};
	}
	return most;
}

static size_t row_of(const struct profile *p, uint32_t stack)
{
	for (size_t i = 0; i < p->n_rows; i++)
		if (p->row[i].kind == FMT_KIND_HEAP && p->row[i].stack == stack)
			return i;
	return p->n_rows;
}

static int64_t shown(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static void add_residue(struct check_work *w, const struct test_sum *t, const struct profile *p)
{
	struct most most = find_most(w->b, t);
	size_t row = most.blocks ? row_of(p, most.stack) : p->n_rows;
	char count[32], bytes[32], words[128] = "";
	struct finding new = {.why = "residue",
	                      .meaning = "a test left more bytes in use than the limit",
	                      .count = t->left_blocks,
	                      .bytes = t->left_bytes,
	                      .limited = true,
	                      .limit = w->check->gates.residue.most,
	                      .test = t->name};

	if (row < p->n_rows)
		snprintf(words, sizeof(words), "of it made there: %s in %s block%s",
		         human_bytes(bytes, shown(most.bytes)),
		         human_count(count, shown(most.blocks)), most.blocks == 1 ? "" : "s");
	new.words = intern(words);
	check_heap_report(w, row < p->n_rows ? p : NULL, row, &new);
}

static void hold(struct check_work *w, const struct test_sum *t, const struct profile *p)
{
	const struct check_gates *g = &w->check->gates;
	struct finding new = {.test = t->name, .limited = true};

	if (p && exceeds(&g->residue, t->left_bytes))
		add_residue(w, t, p);
	if (exceeds(&g->peak, t->peak)) {
		new.why = "peak";
		new.meaning = "a test had more bytes in use than the limit";
		new.bytes = t->peak;
		new.limit = g->peak.most;
		check_heap_report(w, NULL, 0, &new);
	}
	if (exceeds(&g->allocs, t->allocs)) {
		new = (struct finding){.why = "allocs",
		                       .meaning = "a test allocated more blocks than the limit",
		                       .count = t->allocs,
		                       .limited = true,
		                       .limit = g->allocs.most,
		                       .test = t->name};
		check_heap_report(w, NULL, 0, &new);
	}
}

int check_tests(struct check_work *w, struct err *err)
{
	const struct profile_options o = {.sort = INUSE_SPACE};
	const struct snapshot *s = w->b;
	struct profile *p = NULL;

	if (check_tests_want_names(w) && profile_top(w->b, &o, &p, err))
		return -1;
	/* Those without a name are checkpoints, made where no test has begun. */
	for (uint32_t i = 0; i < s->n_test_sums; i++)
		if (*s->test_sum[i].name)
			hold(w, &s->test_sum[i], p);
	profile_free(p);
	return 0;
}
