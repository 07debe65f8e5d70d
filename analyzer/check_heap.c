/*
 * check_heap.c - what of the heap is a finding: blocks that nothing points to any more. What is
 * reachable is nobody's leak, unless it grows or goes beyond a limit: check_limits.c.
 */
#include "check.h"

#include "blame.h"

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
		        .test = blame_heap(w->b, r->stack),
		        .held_blocks = direct ? held[r->stack].blocks : 0,
		        .held_bytes = direct ? held[r->stack].bytes : 0,
		        .rule = rules_find(rules, RULE_HEAP, r->stack, LOCATION_NONE, NULL)};
		check_heap_report(w, p, i, &new);
	}
	free(held);
}

/* ---- all of it ---- */

bool check_heap_wants_names(const struct check_work *w)
{
	return has_lost(w) || check_limits_want_names(w);
}

void check_heap_report(struct check_work *w, const struct profile *p, size_t row,
                       struct finding *new)
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

int check_heap(struct check_work *w, struct err *err)
{
	const struct profile_options o = {.sort = INUSE_SPACE};
	struct profile *p = NULL;

	if (*INFO_S(&w->b->info, UNSEEN))
		return 0;
	if (has_lost(w)) {
		if (profile_top(w->b, &o, &p, err))
			return -1;
		struct rule_work *rules = rules_begin(w->rules, w->b);
		add_lost(w, p, rules);
		rules_end(rules);
		profile_free(p);
	}
	return check_limits(w, err);
}
