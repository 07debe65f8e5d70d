/*
 * residue.c - finds what is left over in one snapshot. Owns which tables that takes; what a leak is
 * kinds.c says, what is excused rules.c, what it looks like out_residue.c.
 */
#include "residue.h"

#include "symbolize.h"
#include "view.h"

#include <stdlib.h>
#include <unistd.h>

enum { ROWS = 5 };

/* ---- the heap, by site ---- */

/* Each row costs a walk of its stack; rows that come after so many frames are small ones. */
enum { FRAMES_SUMMED = 10000000 };

struct summing {
	struct residue *r;
	struct table by_place;
	uint32_t cap;
};

static bool same_site(const void *ctx, uint32_t value, const void *key)
{
	const struct residue_site *have = &((const struct summing *)ctx)->r->site[value];
	const struct residue_site *want = key;

	return have->location == want->location && have->line == want->line;
}

static struct residue_site *site_of(struct summing *g, const struct row *row, size_t i)
{
	struct residue *r = g->r;
	struct residue_site new = {.row = i};

	if (row->n_frames) {
		new.location = row->frame[row->site_frame];
		new.line = row->site_line;
	}
	uint64_t hash = table_hash((uintptr_t) new.location, new.line);
	uint32_t at = table_find(&g->by_place, hash, same_site, g, &new);
	if (at == TABLE_NONE) {
		at = (uint32_t)r->n_sites++;
		r->site = xgrow(r->site, at, &g->cap, sizeof(new));
		r->site[at] = new;
		table_add(&g->by_place, hash, at);
	}
	return &r->site[at];
}

static int by_space(const void *a, const void *b)
{
	const struct residue_site *x = a, *y = b;

	if (x->space != y->space)
		return x->space > y->space ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* Rows come by size. */
static void sum_heap(struct residue *r, struct rule_work *excuses)
{
	struct summing g = {.r = r};
	uint64_t frames = 0;

	for (size_t i = 0; i < r->profile->n_rows; i++) {
		const struct row *row = &r->profile->row[i];
		int64_t space = row->value[INUSE_SPACE], objects = row->value[INUSE_OBJECTS];
		if (space <= 0)
			break;
		if (rules_find(excuses, RULE_HEAP, row->stack, LOCATION_NONE, NULL)) {
			r->known_objects = add_sat(r->known_objects, objects);
			r->known_space = add_sat(r->known_space, space);
			continue;
		}
		frames += row->snapshot->stack[row->stack].n;
		if (frames > FRAMES_SUMMED)
			continue;
		struct residue_site *site = site_of(&g, profile_row(r->profile, i), i);
		site->space = add_sat(site->space, space);
		site->objects = add_sat(site->objects, objects);
	}
	table_free(&g.by_place);
	if (r->n_sites)
		qsort(r->site, r->n_sites, sizeof(*r->site), by_space);
}

/* ---- all of it ---- */

int residue_make(struct snapshot *s, const struct rules *rules, const struct profile_options *o,
                 struct residue **out, struct err *err)
{
	struct residue *r = xcalloc(1, sizeof(*r));
	struct profile_options ranked = *o;

	ranked.sort = INUSE_SPACE;
	*out = NULL;
	if (kinds_make(NULL, s, &(struct kinds_options){.profile = o, .rules = rules}, &r->kinds,
	               err) ||
	    profile_top(s, &ranked, &r->profile, err)) {
		residue_free(r);
		return -1;
	}
	struct rule_work *excuses = rules_begin(rules, s);
	sum_heap(r, excuses);
	rules_end(excuses);
	for (int kind = 0; kind < N_KINDS; kind++)
		r->known_things = addu_sat(r->known_things, r->kinds->table[kind].excused);
	*out = r;
	return 0;
}

void residue_free(struct residue *r)
{
	if (!r)
		return;
	kinds_free(r->kinds);
	profile_free(r->profile);
	free(r->site);
	free(r);
}

uint64_t residue_findings(const struct residue *r)
{
	uint64_t n = 0;

	for (int kind = 0; kind < N_KINDS; kind++)
		n = addu_sat(n, r->kinds->table[kind].leaks);
	return n;
}

int residue_summary(FILE *f, struct snapshot *s, const char *path, struct err *err)
{
	struct view v = {.out.sort = INUSE_SPACE};
	struct residue *r = NULL;
	struct rules rules = {0};
	int rc = -1;

	view_ready(&v);
	v.out.n = ROWS;
	/* The view is of stdout, which is the command's. */
	if (!isatty(fileno(f))) {
		v.out.width = 0;
		v.out.color = false;
	}
	rules_add_builtin(&rules);
	if (!symbolize_snapshot(s, NULL, err) && !residue_make(s, &rules, &v.profile, &r, err))
		rc = out_text_residue(f, r, path, &v.out, err);
	residue_free(r);
	rules_free(&rules);
	return rc;
}
