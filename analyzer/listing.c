/*
 * listing.c - sums the rows of a profile by source line, for chosen functions. Each stack counts
 * once for a line, however often it recurs in it. Reads the profile, and source files through
 * source.h; changes nothing.
 */
#include "listing.h"

#include "walk.h"

#include <stdlib.h>
#include <string.h>

/* Beside a listing, while it is made: which row was added last, plus 1. */
struct marks {
	uint32_t *line, *inlined;
	uint32_t cap_line, cap_inlined;
	struct table by_number; /* lines */
};
struct maker {
	struct listings *l;
	const struct profile *p;
	struct marks *marks;
	uint32_t *of_line[2]; /* by side and line: index into at[], or LISTING_NONE */
	struct walk walk;
};

static void add_columns(int64_t to[N_COLUMNS], const int64_t v[N_COLUMNS])
{
	for (int c = 0; c < N_COLUMNS; c++)
		to[c] = add_sat(to[c], v[c]);
}

/* ---- which listing a line of a location belongs to ---- */

struct wanted {
	const char *function, *module;
};

static bool same_wanted(const void *ctx, uint32_t value, const void *key)
{
	const struct listing *l = &((const struct listings *)ctx)->at[value];
	const struct wanted *want = key;

	return l->sum->function == want->function && module_family(l->sum->module) == want->module;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

/* Functions of one name may be of several files; then the table holds the first, and the others
 * stand behind it. */
static uint32_t find_listing(const struct listings *l, const struct table *by_name,
                             const struct line *line, const char *family)
{
	struct wanted key = {line->function, family};
	uint32_t i = table_find(by_name, table_hash((uintptr_t)key.function, (uintptr_t)family),
	                        same_wanted, l, &key);

	for (; i != TABLE_NONE && i < l->n; i++)
		if (same_wanted(l, i, &key) &&
		    !strcmp(base_name(l->at[i].sum->file), base_name(line->file)))
			return i;
	return LISTING_NONE;
}

static void number_lines(struct maker *m)
{
	struct table by_name = {0};

	for (uint32_t i = 0; i < m->l->n; i++) {
		const struct sum *sum = m->l->at[i].sum;
		struct wanted key = {sum->function, module_family(sum->module)};
		uint64_t hash = table_hash((uintptr_t)key.function, (uintptr_t)key.module);
		if (table_find(&by_name, hash, same_wanted, m->l, &key) == TABLE_NONE)
			table_add(&by_name, hash, i);
	}
	for (int side = 0; side < 2; side++) {
		const struct walk_side *w = &m->walk.side[side];
		if (!w->s)
			continue;
		m->of_line[side] =
		        xcalloc((size_t)w->first_line[w->s->n_locations] + 1, sizeof(uint32_t));
		for (uint32_t i = 0; i < w->s->n_locations; i++) {
			const struct location *loc = &w->s->location[i];
			const char *family = module_family(&w->s->module[loc->module]);
			for (uint32_t k = 0; k < loc->n_lines || !k; k++)
				m->of_line[side][w->first_line[i] + k] =
				        loc->n_lines && loc->line[k].function
				                ? find_listing(m->l, &by_name, &loc->line[k],
				                               family)
				                : LISTING_NONE;
		}
	}
	table_free(&by_name);
}

/* ---- sums ---- */

static bool same_number(const void *ctx, uint32_t value, const void *key)
{
	return ((const struct listing *)ctx)->line[value].number == *(const uint32_t *)key;
}

static uint32_t line_of(struct listing *l, struct marks *marks, uint32_t number)
{
	uint64_t hash = table_hash(number, 0);
	uint32_t i = table_find(&marks->by_number, hash, same_number, l, &number);

	if (i != TABLE_NONE)
		return i;
	i = l->n_lines++;
	l->line = xgrow(l->line, i, &l->cap_lines, sizeof(*l->line));
	marks->line = xgrow(marks->line, i, &marks->cap_line, sizeof(*marks->line));
	l->line[i] = (struct listed_line){.number = number};
	marks->line[i] = 0;
	table_add(&marks->by_number, hash, i);
	return i;
}

/* The inlined call `call` at a line, within another one. */
static uint32_t inlined_of(struct listing *l, struct marks *marks, struct listed_line *line,
                           uint32_t within, const struct line *call)
{
	for (uint32_t k = 0; k < line->n_inlined; k++) {
		const struct inlined *have = &l->inlined[line->inlined[k]];
		if (have->within == within && have->function == call->function &&
		    have->number == call->number && have->file == call->file)
			return line->inlined[k];
	}
	uint32_t i = l->n_inlined++;
	l->inlined = xgrow(l->inlined, i, &l->cap_inlined, sizeof(*l->inlined));
	marks->inlined = xgrow(marks->inlined, i, &marks->cap_inlined, sizeof(*marks->inlined));
	l->inlined[i] =
	        (struct inlined){.within = within,
	                         .depth = within == LISTING_NONE ? 0 : l->inlined[within].depth + 1,
	                         .function = call->function,
	                         .file = call->file,
	                         .number = call->number};
	marks->inlined[i] = 0;
	line->inlined =
	        xgrow(line->inlined, line->n_inlined, &line->cap_inlined, sizeof(*line->inlined));
	line->inlined[line->n_inlined++] = i;
	return i;
}

/* Step `k` of the row is in a function that is listed. */
static void add_step(struct maker *m, const struct walk_side *side, uint32_t k, uint32_t number,
                     uint32_t which)
{
	const struct row *r = &m->p->row[number];
	struct listing *l = &m->l->at[which];
	struct marks *marks = &m->marks[which];
	const struct step *step = &m->walk.step[k];
	uint32_t i = line_of(l, marks, walk_source(side, step)->number), within = LISTING_NONE;
	struct listed_line *line = &l->line[i];

	if (!k)
		add_columns(line->flat, r->value);
	if (marks->line[i] != number + 1)
		add_columns(line->cum, r->value);
	marks->line[i] = number + 1;
	/* What is inlined here stands before it in the stack, in the same frame. */
	for (; k-- && m->walk.step[k].node == step->node;) {
		const struct line *call = walk_source(side, &m->walk.step[k]);
		within = inlined_of(l, marks, line, within, call);
		struct inlined *at = &l->inlined[within];
		if (!k)
			add_columns(at->flat, r->value);
		if (marks->inlined[within] != number + 1)
			add_columns(at->cum, r->value);
		marks->inlined[within] = number + 1;
	}
}

static void add_row(struct maker *m, uint32_t number)
{
	const struct row *r = &m->p->row[number];
	const struct walk_side *side = walk_side_of(&m->walk, r);
	const uint32_t *of_line = m->of_line[side == &m->walk.side[1]];

	walk_row(&m->walk, r);
	for (uint32_t k = 0; k < m->walk.n; k++) {
		uint32_t which = of_line[walk_line_of(side, &m->walk.step[k])];
		if (which != LISTING_NONE)
			add_step(m, side, k, number, which);
	}
}

/* ---- order ---- */

static int by_number(const void *a, const void *b)
{
	const struct listed_line *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* Calls inlined in another one come right behind it. They are few. */
static void nest(struct listing *l, struct listed_line *line)
{
	uint32_t n = 0, *ordered = xcalloc((size_t)line->n_inlined + 1, sizeof(*ordered));

	for (uint32_t k = 0; k < line->n_inlined; k++) {
		uint32_t at = n, within = l->inlined[line->inlined[k]].within;
		for (uint32_t j = 0; j < n && within != LISTING_NONE; j++) {
			if (ordered[j] != within)
				continue;
			at = j + 1;
			while (at < n && l->inlined[ordered[at]].depth > l->inlined[within].depth)
				at++;
			break;
		}
		memmove(ordered + at + 1, ordered + at, (n - at) * sizeof(*ordered));
		ordered[at] = line->inlined[k];
		n++;
	}
	free(line->inlined);
	line->inlined = ordered;
}

static void finish(struct listing *l, const struct listing_options *o)
{
	if (l->n_lines)
		qsort(l->line, l->n_lines, sizeof(*l->line), by_number);
	for (uint32_t i = 0; i < l->n_lines; i++)
		nest(l, &l->line[i]);
	source_open(&l->source, l->sum->file, o->source_path);
}

struct listings *listings_make(const struct sums *sums, const struct listing_options *o)
{
	struct listings *l = xcalloc(1, sizeof(*l));
	struct maker m = {.l = l, .p = sums->p};
	size_t n_rows = o->churn ? m.p->n_rows : m.p->n_rows - m.p->n_churn;
	uint32_t cap = 0;

	l->sums = sums;
	for (uint32_t i = 0; i < sums->n; i++) {
		const struct sum *s = &sums->at[i];
		if (!s->picked || !s->function || (s->flat[o->sort] <= 0 && s->cum[o->sort] <= 0))
			continue;
		if (o->n && l->n >= o->n) {
			l->n_more++;
			continue;
		}
		l->at = xgrow(l->at, l->n, &cap, sizeof(*l->at));
		l->at[l->n++] = (struct listing){.sum = s};
	}
	m.marks = xcalloc((size_t)l->n + 1, sizeof(*m.marks));
	walk_start(&m.walk, m.p, o->raw);
	number_lines(&m);
	for (size_t i = 0; i < n_rows; i++)
		add_row(&m, (uint32_t)i);
	walk_end(&m.walk);
	for (uint32_t i = 0; i < l->n; i++) {
		finish(&l->at[i], o);
		free(m.marks[i].line);
		free(m.marks[i].inlined);
		table_free(&m.marks[i].by_number);
	}
	free(m.marks);
	free(m.of_line[0]);
	free(m.of_line[1]);
	return l;
}

void listings_free(struct listings *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < l->n; i++) {
		for (uint32_t k = 0; k < l->at[i].n_lines; k++)
			free(l->at[i].line[k].inlined);
		free(l->at[i].line);
		free(l->at[i].inlined);
		source_close(&l->at[i].source);
	}
	free(l->at);
	free(l);
}
