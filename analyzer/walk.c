/*
 * walk.c - walks rows' stacks. Whether a line is folded is asked once a location, not once a stack:
 * the tables of fold.c are long. Owns its buffers; changes nothing.
 */
#include "walk.h"

#include <stdlib.h>

static void start_side(struct walk_side *side, const struct snapshot *s, bool raw)
{
	static const struct line nameless;

	side->s = s;
	if (!s)
		return;
	side->first_line = xcalloc((size_t)s->n_locations + 1, sizeof(*side->first_line));
	for (uint32_t i = 0; i < s->n_locations; i++) {
		uint32_t n = s->location[i].n_lines;
		side->first_line[i + 1] = side->first_line[i] + (n ? n : 1);
	}
	side->folded = xcalloc((size_t)side->first_line[s->n_locations] + 1, 1);
	for (uint32_t i = 0; i < s->n_locations && !raw; i++) {
		const struct location *loc = &s->location[i];
		for (uint32_t k = 0; k < loc->n_lines || !k; k++)
			side->folded[side->first_line[i] + k] = fold_is_wrapper(
			        loc->n_lines ? &loc->line[k] : &nameless, &s->module[loc->module]);
	}
}

void walk_start(struct walk *w, const struct profile *p, bool raw)
{
	*w = (struct walk){.raw = raw};
	start_side(&w->side[0], p->a, raw);
	start_side(&w->side[1], p->b, raw);
}

static void add_step(struct walk *w, struct step step)
{
	w->step = xgrow(w->step, w->n, &w->cap, sizeof(*w->step));
	w->step[w->n++] = step;
}

/* All is folded: the one line that find_site() chooses. */
static void add_site(struct walk *w, const struct row *r)
{
	struct row copy = *r;
	struct frames frames = {0};
	uint32_t node = r->snapshot->stack[r->stack].node;

	row_write_out(&copy, w->raw, &frames);
	for (uint32_t f = 0; f < copy.site_frame; f++)
		node = r->snapshot->node[node].parent;
	if (node)
		add_step(w, (struct step){node, r->snapshot->node[node].location, copy.site_line});
	free(frames.at);
}

void walk_row(struct walk *w, const struct row *r)
{
	const struct walk_side *side = walk_side_of(w, r);
	const struct snapshot *s = r->snapshot;

	w->n = 0;
	for (uint32_t node = s->stack[r->stack].node; node; node = s->node[node].parent) {
		uint32_t loc = s->node[node].location, n = s->location[loc].n_lines;
		for (uint32_t k = 0; k < n || !k; k++)
			if (!side->folded[side->first_line[loc] + k])
				add_step(w, (struct step){node, loc, k});
	}
	if (!w->n)
		add_site(w, r);
}

void walk_end(struct walk *w)
{
	for (int i = 0; i < 2; i++) {
		free(w->side[i].first_line);
		free(w->side[i].folded);
	}
	free(w->step);
}
