/*
 * check_limits.c - the heap against figures: more than at a base, more than a limit allows, at the
 * end or at its peak.
 */
#include "check.h"

#include <stdlib.h>

struct sums {
	uint64_t blocks, bytes, allocs;
};

static uint64_t at_least_0(int64_t n)
{
	return n > 0 ? (uint64_t)n : 0;
}

static bool has_growth(const struct check_work *w)
{
	return w->a && w->check->gates.growth & CHECK_GROWTH(FINDING_HEAP);
}

bool check_gates_limit(const struct check_gates *g)
{
	return g->residue.given || g->allocs.given || g->peak.given;
}

bool check_limits_want_names(const struct check_work *w)
{
	const struct check_gates *g = &w->check->gates;

	return has_growth(w) || (g->per == CHECK_PER_STACK && check_gates_limit(g)) ||
	       check_tests_want_names(w);
}

static void hold_one(struct check_work *w, const struct profile *p, size_t row,
                     const struct check_limit *limit, uint64_t amount, struct finding new)
{
	if (!limit->given || amount <= limit->most)
		return;
	new.limited = true;
	new.limit = limit->most;
	check_heap_report(w, p, row, &new);
}

/* One process, or one stack of it, against the limits; of the peak that of the peak alone. */
static void hold(struct check_work *w, const struct sums *s, bool peak, const struct profile *p,
                 size_t row, const struct rule *rule)
{
	const struct check_gates *g = &w->check->gates;

	if (peak) {
		hold_one(w, p, row, &g->peak, s->bytes,
		         (struct finding){.why = "peak",
		                          .meaning = "more bytes in use at its peak than its limit",
		                          .count = s->blocks,
		                          .bytes = s->bytes,
		                          .rule = rule});
		return;
	}
	hold_one(w, p, row, &g->residue, s->bytes,
	         (struct finding){.why = "residue",
	                          .meaning = "more bytes in use at the end than its limit",
	                          .count = s->blocks,
	                          .bytes = s->bytes,
	                          .rule = rule});
	hold_one(w, p, row, &g->allocs, s->allocs,
	         (struct finding){.why = "allocs",
	                          .meaning = "more blocks allocated than its limit",
	                          .count = s->allocs,
	                          .rule = rule});
}

static void hold_process(struct check_work *w, const struct snapshot *s, bool peak)
{
	struct sums all = {0};

	for (uint32_t i = 0; i < s->n_samples; i++) {
		const int64_t *v = s->sample[i].value;
		if (s->sample[i].kind != FMT_KIND_HEAP)
			continue;
		all.blocks = addu_sat(all.blocks, at_least_0(v[INUSE_OBJECTS]));
		all.bytes = addu_sat(all.bytes, at_least_0(v[INUSE_SPACE]));
		all.allocs = addu_sat(all.allocs, at_least_0(v[ALLOC_OBJECTS]));
	}
	hold(w, &all, peak, NULL, 0, NULL);
}

static int hold_stacks(struct check_work *w, struct snapshot *s, bool peak, struct err *err)
{
	const struct profile_options o = {.sort = INUSE_SPACE};
	struct profile *p;

	if (profile_top(s, &o, &p, err))
		return -1;
	struct rule_work *rules = rules_begin(w->rules, s);
	for (size_t i = 0; i < p->n_rows; i++) {
		const struct row *r = &p->row[i];
		if (r->kind != FMT_KIND_HEAP)
			continue;
		struct sums sums = {at_least_0(r->value[INUSE_OBJECTS]),
		                    at_least_0(r->value[INUSE_SPACE]),
		                    at_least_0(r->value[ALLOC_OBJECTS])};
		hold(w, &sums, peak, p, i,
		     rules_find(rules, RULE_HEAP, r->stack, LOCATION_NONE, NULL));
	}
	rules_end(rules);
	profile_free(p);
	return 0;
}

/* Rows of a difference: what goes on being made and is given back is churn, not growth. */
static int add_growth(struct check_work *w, struct err *err)
{
	const struct profile_options o = {.sort = INUSE_SPACE};
	struct profile *p;

	if (profile_diff(w->a, w->b, &o, &p, err))
		return -1;
	struct rule_work *rules = rules_begin(w->rules, w->b);
	for (size_t i = 0; i < p->n_rows - p->n_churn; i++) {
		const struct row *r = &p->row[i];
		if (r->kind != FMT_KIND_HEAP || r->value[INUSE_SPACE] <= 0 || r->snapshot != p->b)
			continue;
		struct finding new = {
		        .why = "grew",
		        .meaning = "in use at the end, and not at the base",
		        .count = at_least_0(r->value[INUSE_OBJECTS]),
		        .bytes = (uint64_t)r->value[INUSE_SPACE],
		        .base = at_least_0(r->base[INUSE_OBJECTS]),
		        .rule = rules_find(rules, RULE_HEAP, r->stack, LOCATION_NONE, NULL)};
		check_heap_report(w, p, i, &new);
	}
	rules_end(rules);
	profile_free(p);
	return 0;
}

int check_limits(struct check_work *w, struct err *err)
{
	const struct check_gates *g = &w->check->gates;
	/* Where it never fell again the end is the peak. */
	struct snapshot *peak = w->peak ? w->peak : w->b;

	if (has_growth(w) && add_growth(w, err))
		return -1;
	if (!check_gates_limit(g))
		return 0;
	if (g->per == CHECK_PER_TEST)
		return check_tests(w, err);
	if (g->per == CHECK_PER_PROCESS) {
		hold_process(w, w->b, false);
		hold_process(w, peak, true);
		return 0;
	}
	return hold_stacks(w, w->b, false, err) ||
	                       (g->peak.given && hold_stacks(w, peak, true, err))
	               ? -1
	               : 0;
}
