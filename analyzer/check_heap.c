/*
 * check_heap.c - what of the heap is a finding: blocks that grew since a base, and what goes beyond
 * a limit. What is reachable and within its limits is nobody's leak.
 */
#include "check.h"

#include <stdlib.h>

struct sums {
	uint64_t blocks, bytes, allocs;
};

static void add_sample(struct sums *to, const struct sample *s)
{
	if (s->value[INUSE_OBJECTS] > 0)
		to->blocks = addu_sat(to->blocks, (uint64_t)s->value[INUSE_OBJECTS]);
	if (s->value[INUSE_SPACE] > 0)
		to->bytes = addu_sat(to->bytes, (uint64_t)s->value[INUSE_SPACE]);
	to->allocs = addu_sat(to->allocs, (uint64_t)s->value[ALLOC_OBJECTS]);
}

static bool has_growth(const struct check_work *w)
{
	return w->a && w->check->gates.growth & CHECK_GROWTH(FINDING_HEAP);
}

bool check_heap_wants_names(const struct check_work *w)
{
	const struct check_gates *g = &w->check->gates;

	if (g->heap == CHECK_HEAP_OFF)
		return false;
	return has_growth(w) || (g->per_stack && (g->residue.given || g->allocs.given));
}

static void report(struct check_work *w, const struct profile *p, size_t row, struct finding *new)
{
	struct finding_frame *frames = NULL;

	new->kind = FINDING_HEAP;
	new->words = "";
	/* Without a stack it is the whole process that is meant: no two are one finding. */
	new->stack = table_hash(w->process, 1);
	const struct row *r = p ? profile_row(p, row) : NULL;
	if (r)
		check_stack(new, r, &frames);
	if (r && !new->rule)
		new->rule = check_system_rule(w, new->kind, r);
	findings_add(w->findings, new, w->process);
	free(frames);
}

/* One process, or one stack of it, against the limits. */
static void hold(struct check_work *w, const struct sums *s, const struct profile *p, size_t row,
                 const struct rule *rule)
{
	const struct check_gates *g = &w->check->gates;
	struct finding new = {.rule = rule};

	if (g->residue.given && s->bytes > g->residue.most) {
		new.why = "residue";
		new.meaning = "more bytes in use at the end than its limit";
		new.count = s->blocks;
		new.bytes = s->bytes;
		new.limit = g->residue.most;
		report(w, p, row, &new);
	}
	if (g->allocs.given && s->allocs > g->allocs.most) {
		new.why = "allocs";
		new.meaning = "more blocks allocated than its limit";
		new.count = s->allocs;
		new.bytes = 0;
		new.limit = g->allocs.most;
		report(w, p, row, &new);
	}
}

static void hold_process(struct check_work *w)
{
	struct sums all = {0};

	for (uint32_t i = 0; i < w->b->n_samples; i++)
		if (w->b->sample[i].kind == FMT_KIND_HEAP)
			add_sample(&all, &w->b->sample[i]);
	hold(w, &all, NULL, 0, NULL);
}

static void hold_rows(struct check_work *w, const struct profile *p, struct rule_work *rules)
{
	for (size_t i = 0; i < p->n_rows; i++) {
		const struct row *r = &p->row[i];
		struct sums s = {0};
		if (r->kind != FMT_KIND_HEAP)
			continue;
		s.blocks = r->value[INUSE_OBJECTS] > 0 ? (uint64_t)r->value[INUSE_OBJECTS] : 0;
		s.bytes = r->value[INUSE_SPACE] > 0 ? (uint64_t)r->value[INUSE_SPACE] : 0;
		s.allocs = r->value[ALLOC_OBJECTS] > 0 ? (uint64_t)r->value[ALLOC_OBJECTS] : 0;
		hold(w, &s, p, i, rules_find(rules, RULE_HEAP, r->stack, LOCATION_NONE, NULL));
	}
}

/* Rows of a difference: what goes on being made and is given back is churn, not growth. */
static void add_growth(struct check_work *w, const struct profile *p, struct rule_work *rules)
{
	for (size_t i = 0; i < p->n_rows - p->n_churn; i++) {
		const struct row *r = &p->row[i];
		if (r->kind != FMT_KIND_HEAP || r->value[INUSE_SPACE] <= 0 || r->snapshot != p->b)
			continue;
		struct finding new = {
		        .why = "grew",
		        .meaning = "in use at the end, and not at the base",
		        .count =
		                r->value[INUSE_OBJECTS] > 0 ? (uint64_t)r->value[INUSE_OBJECTS] : 0,
		        .bytes = (uint64_t)r->value[INUSE_SPACE],
		        .base = r->base[INUSE_OBJECTS] > 0 ? (uint64_t)r->base[INUSE_OBJECTS] : 0,
		        .rule = rules_find(rules, RULE_HEAP, r->stack, LOCATION_NONE, NULL)};
		report(w, p, i, &new);
	}
}

int check_heap(struct check_work *w, struct err *err)
{
	const struct check_gates *g = &w->check->gates;
	const struct profile_options o = {.sort = INUSE_SPACE};
	struct profile *p = NULL;
	int rc = 0;

	if (g->heap == CHECK_HEAP_OFF || *INFO_S(&w->b->info, UNSEEN))
		return 0;
	if (!g->per_stack && (g->residue.given || g->allocs.given))
		hold_process(w);
	if (!check_heap_wants_names(w))
		return 0;
	struct rule_work *rules = rules_begin(w->rules, w->b);
	if (g->per_stack && (g->residue.given || g->allocs.given)) {
		rc = profile_top(w->b, &o, &p, err);
		if (!rc)
			hold_rows(w, p, rules);
		profile_free(p);
		p = NULL;
	}
	if (!rc && has_growth(w)) {
		rc = profile_diff(w->a, w->b, &o, &p, err);
		if (!rc)
			add_growth(w, p, rules);
		profile_free(p);
	}
	rules_end(rules);
	return rc;
}
