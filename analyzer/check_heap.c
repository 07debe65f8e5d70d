/*
 * check_heap.c - what of the heap is a finding: blocks that nothing points to any more, blocks that
 * grew since a base, and what goes beyond a limit. What is reachable and within its limits is
 * nobody's leak.
 */
#include "check.h"

#include <stdlib.h>

/* ---- lost blocks ---- */

/* A child of fork that ends by _exit has the frames of its parent on its stack, but not its
 * threads: what those held is lost there, and nowhere else. */
bool check_heap_asks_for_lost(const struct check_work *w)
{
	const struct info *info = &w->b->info;

	return w->check->gates.heap != CHECK_HEAP_OFF &&
	       !(INFO_U(info, FORKED) && INFO_U(info, REASON) == FMT_REASON_QUICK_EXIT);
}

static bool is_lost(const struct reach *r)
{
	return r && (r->blocks[FMT_REACH_LOST] || r->blocks[FMT_REACH_INDIRECT]);
}

static bool has_lost(const struct check_work *w)
{
	if (!check_heap_asks_for_lost(w))
		return false;
	for (uint32_t i = 0; i < w->b->n_samples; i++)
		if (w->b->sample[i].kind == FMT_KIND_HEAP && is_lost(w->b->sample[i].reach))
			return true;
	return false;
}

struct held {
	uint64_t blocks, bytes;
	bool owner; /* lost blocks were made there */
};

/* By stack: what is lost with the blocks that were made there. */
static struct held *find_held(const struct snapshot *s, const struct profile *p)
{
	struct held *held = xcalloc(s->n_stacks, sizeof(*held));

	for (size_t i = 0; i < p->n_rows; i++)
		if (is_lost(p->row[i].reach) && p->row[i].reach->blocks[FMT_REACH_LOST])
			held[p->row[i].stack].owner = true;
	for (size_t i = 0; i < p->n_rows; i++) {
		const struct reach *r = p->row[i].reach;
		if (!is_lost(r) || !held[r->owner].owner)
			continue;
		struct held *h = &held[r->owner];
		h->blocks = addu_sat(h->blocks, r->blocks[FMT_REACH_INDIRECT]);
		h->bytes = addu_sat(h->bytes, r->bytes[FMT_REACH_INDIRECT]);
	}
	return held;
}

static const char *held_words(const struct held *h)
{
	char count[32], bytes[32], text[160];

	if (!h->blocks)
		return "";
	snprintf(text, sizeof(text), "%s in %s more block%s are lost with %s",
	         human_bytes(bytes, h->bytes > INT64_MAX ? INT64_MAX : (int64_t)h->bytes),
	         human_count(count, h->blocks > INT64_MAX ? INT64_MAX : (int64_t)h->blocks),
	         h->blocks == 1 ? "" : "s", "it");
	return intern(text);
}

static void report(struct check_work *w, const struct profile *p, size_t row, struct finding *new);

/* What a lost block holds is told with it; where that is not known, by itself. */
static void add_lost(struct check_work *w, const struct profile *p, struct rule_work *rules)
{
	struct held *held = find_held(w->b, p);

	for (size_t i = 0; i < p->n_rows; i++) {
		const struct row *r = &p->row[i];
		if (r->kind != FMT_KIND_HEAP || !is_lost(r->reach))
			continue;
		bool direct = r->reach->blocks[FMT_REACH_LOST] != 0;
		if (!direct && held[r->reach->owner].owner)
			continue;
		int class = direct ? FMT_REACH_LOST : FMT_REACH_INDIRECT;
		struct finding new = {
		        .why = direct ? "lost" : "indirect",
		        .meaning = direct ? "nothing points to it any more"
		                          : "only what is lost points to it",
		        .count = r->reach->blocks[class],
		        .bytes = r->reach->bytes[class],
		        .words = direct ? held_words(&held[r->stack]) : "",
		        .rule = rules_find(rules, RULE_HEAP, r->stack, LOCATION_NONE, NULL)};
		report(w, p, i, &new);
	}
	free(held);
}

/* ---- growth and limits ---- */

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
	return has_lost(w) || has_growth(w) ||
	       (g->per_stack && (g->residue.given || g->allocs.given));
}

static void report(struct check_work *w, const struct profile *p, size_t row, struct finding *new)
{
	struct finding_frame *frames = NULL;

	new->kind = FINDING_HEAP;
	if (!new->words)
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
	bool limits = g->per_stack && (g->residue.given || g->allocs.given);
	if (limits || has_lost(w)) {
		rc = profile_top(w->b, &o, &p, err);
		if (!rc && limits)
			hold_rows(w, p, rules);
		if (!rc && has_lost(w))
			add_lost(w, p, rules);
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
