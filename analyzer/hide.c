/*
 * hide.c - takes frames out of a snapshot's stacks. A pattern is tried once a location; nodes are
 * linked past what is hidden, in one pass, since parents come first. Owns nothing; changes the
 * snapshot it is given, but never the lines, which all snapshots of the process share.
 */
#include "hide.h"

#include "focus.h"

#include <stdlib.h>
#include <string.h>

struct hiding {
	struct snapshot *s;
	uint8_t *hidden;  /* by location: nothing of it stays */
	uint8_t *matches; /* by location: show_from matches */
	uint32_t *cut;    /* by location: the one to stand for it as the outermost frame */
};

/* The lines of a location that do not match; the location itself where all do not. */
static void hide_lines(struct hiding *h, uint32_t i, const regex_t *re)
{
	struct snapshot *s = h->s;
	struct location *loc = &s->location[i];
	uint32_t kept = 0;

	h->hidden[i] = focus_in_module(re, &s->module[loc->module]);
	for (uint32_t k = 0; k < loc->n_lines; k++)
		kept += !focus_in_line(re, &loc->line[k]);
	if (h->hidden[i] || kept == loc->n_lines)
		return;
	struct line *line = pool_alloc(&s->pool, (kept ? kept : 1) * sizeof(*line));
	uint32_t n = 0;
	for (uint32_t k = 0; k < loc->n_lines; k++)
		if (!focus_in_line(re, &loc->line[k]))
			line[n++] = loc->line[k];
	h->hidden[i] = !kept;
	loc->line = line;
	loc->n_lines = kept;
}

/* Where location i is the outermost frame of what is shown, the lines above its outermost match
 * go. */
static void find_cut(struct hiding *h, uint32_t i, const regex_t *re, uint32_t *cap)
{
	struct snapshot *s = h->s;
	struct location loc = s->location[i];
	bool whole = focus_in_module(re, &s->module[loc.module]);
	uint32_t n = loc.n_lines;

	h->cut[i] = i;
	while (!whole && n && !focus_in_line(re, &loc.line[n - 1]))
		n--;
	h->matches[i] = !h->hidden[i] && (whole || n);
	if (!h->matches[i] || n == loc.n_lines)
		return;
	if (s->n_locations == *cap) {
		*cap = *cap + *cap / 2 + 16;
		s->location = xrealloc(s->location, *cap * sizeof(*s->location));
	}
	loc.n_lines = n;
	h->cut[i] = s->n_locations;
	s->location[s->n_locations++] = loc;
}

static void link_past(struct hiding *h, bool cutting, uint32_t *shown_as, uint32_t *depth)
{
	struct snapshot *s = h->s;
	uint8_t *inside = xcalloc(s->n_nodes, 1);

	inside[0] = !cutting;
	for (uint32_t i = 1; i < s->n_nodes; i++) {
		struct node *n = &s->node[i];
		uint32_t parent = shown_as[n->parent];
		bool outermost = !inside[n->parent];
		inside[i] = !outermost || h->matches[n->location];
		if (outermost && inside[i])
			n->location = h->cut[n->location];
		else if (!inside[i] || h->hidden[n->location]) {
			shown_as[i] = parent;
			continue;
		}
		n->parent = parent;
		shown_as[i] = i;
		depth[i] = depth[parent] + 1;
	}
	free(inside);
}

static void relink(struct hiding *h, bool cutting, uint8_t **shown)
{
	struct snapshot *s = h->s;
	uint32_t *shown_as = xcalloc(s->n_nodes, sizeof(*shown_as)),
	         *depth = xcalloc(s->n_nodes, sizeof(*depth));

	link_past(h, cutting, shown_as, depth);
	if (!*shown) {
		*shown = xmalloc(s->n_stacks);
		memset(*shown, 1, s->n_stacks);
	}
	for (uint32_t i = 0; i < s->n_stacks; i++) {
		uint32_t node = s->stack[i].node;
		/* A stack that is not known at all cannot hold what was asked for. */
		if (!shown_as[node] && (node || cutting))
			(*shown)[i] = 0;
		s->stack[i] = (struct stack){.n = depth[shown_as[node]], .node = shown_as[node]};
	}
	free(shown_as);
	free(depth);
}

int hide_frames(struct snapshot *s, const struct profile_options *o, uint8_t **shown,
                struct err *err)
{
	uint32_t n = s->n_locations, cap = n;
	struct hiding h = {.s = s};
	regex_t hide, from;

	if (!o->hide && !o->show_from)
		return 0;
	if (o->hide && focus_compile(&hide, o->hide, err))
		return -1;
	if (o->show_from && focus_compile(&from, o->show_from, err)) {
		if (o->hide)
			regfree(&hide);
		return -1;
	}
	h.hidden = xcalloc((size_t)n + 1, 1);
	h.matches = xcalloc((size_t)n + 1, 1);
	h.cut = xcalloc((size_t)n + 1, sizeof(*h.cut));
	for (uint32_t i = 0; i < n && o->hide; i++)
		hide_lines(&h, i, &hide);
	for (uint32_t i = 0; i < n && o->show_from; i++)
		find_cut(&h, i, &from, &cap);
	relink(&h, o->show_from != NULL, shown);
	if (o->hide)
		regfree(&hide);
	if (o->show_from)
		regfree(&from);
	free(h.hidden);
	free(h.matches);
	free(h.cut);
	return 0;
}
