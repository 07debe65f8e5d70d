/*
 * walk.h - the frames of a row that a person is shown, one function at a time, from the site
 * outwards: what is left when allocation wrappers and the C library are folded away: walk.c.
 */
#ifndef OUTLIVE_WALK_H
#define OUTLIVE_WALK_H

#include "profile.h"

/* A function in a stack: line `line` of a location, of which nothing is known when the location
 * has no lines. Functions with equal `node` are one frame: the inner ones are inlined. */
struct step {
	uint32_t node, location, line;
};

/* Of one snapshot: its lines are numbered, those of location i from first_line[i]. */
struct walk_side {
	const struct snapshot *s;
	uint32_t *first_line; /* one more than locations */
	uint8_t *folded;      /* by line */
};
struct walk {
	bool raw;
	struct walk_side side[2]; /* of a (perhaps none) and of b */
	struct step *step;
	uint32_t n, cap;
};

/* walk_end() it. */
void walk_start(struct walk *w, const struct profile *p, bool raw);
/* Fills in step[0 .. n): the site first; n is 0 for a stack that is not known. */
void walk_row(struct walk *w, const struct row *r);
void walk_end(struct walk *w);

/* Which side's numbers the steps of a row are. */
static inline const struct walk_side *walk_side_of(const struct walk *w, const struct row *r)
{
	return &w->side[r->snapshot == w->side[1].s];
}
/* The number of a step's line, in its side. */
static inline uint32_t walk_line_of(const struct walk_side *side, const struct step *step)
{
	return side->first_line[step->location] + step->line;
}
/* NULL when nothing is known. */
static inline const struct line *walk_source(const struct walk_side *side, const struct step *step)
{
	const struct location *loc = &side->s->location[step->location];

	return step->line < loc->n_lines ? &loc->line[step->line] : NULL;
}

#endif
