/*
 * alike.c - numbers stacks by what a person reads of them, and joins the numbers of those that read
 * alike.
 *
 * As in match.c both trees are folded into one, parents first, one look-up a node. Owns the texts
 * of frames; reads snapshots.
 */
#include "alike.h"

#include <stdlib.h>

/* A frame's text is that of the first location that had it. */
struct text {
	const struct snapshot *s;
	const struct location *location;
};

struct edge {
	uint32_t parent, text;
};

struct folding {
	struct text *text;
	struct edge *edge; /* [i] leads to number i + 1 */
	uint32_t *meaning; /* by number: that of the first stack that had it */
	uint32_t *joined;  /* by meaning: the one that it was joined to, or itself */
	uint32_t n_texts, cap_texts, n_edges, cap_edges, cap_meanings;
	struct table by_text, by_edge;
};

static bool same_lines(const struct location *x, const struct location *y)
{
	for (uint32_t i = 0; i < x->n_lines; i++)
		if (x->line[i].function != y->line[i].function ||
		    x->line[i].file != y->line[i].file || x->line[i].number != y->line[i].number)
			return false;
	return true;
}

/* Names without a line do not tell two calls in a function apart. */
static bool reads(const struct location *l)
{
	for (uint32_t i = 0; i < l->n_lines; i++)
		if (!l->line[i].function || !l->line[i].number)
			return false;
	return l->n_lines > 0;
}

static bool same_text(const void *ctx, uint32_t value, const void *key)
{
	const struct text *x = &((const struct folding *)ctx)->text[value], *y = key;

	if (x->s->module[x->location->module].path != y->s->module[y->location->module].path ||
	    x->location->n_lines != y->location->n_lines)
		return false;
	if (!reads(x->location) && x->location->address != y->location->address)
		return false;
	return same_lines(x->location, y->location);
}

static uint32_t text_of(struct folding *f, const struct snapshot *s, const struct location *l)
{
	struct text key = {s, l};
	uint64_t hash = (uintptr_t)s->module[l->module].path;

	if (!reads(l))
		hash = table_hash(hash, l->address);
	for (uint32_t i = 0; i < l->n_lines; i++)
		hash = table_hash(hash ^ (uintptr_t)l->line[i].function, l->line[i].number);
	hash = table_hash(hash, l->n_lines);
	uint32_t i = table_find(&f->by_text, hash, same_text, f, &key);
	if (i != TABLE_NONE)
		return i;
	f->text = xgrow(f->text, f->n_texts, &f->cap_texts, sizeof(key));
	f->text[f->n_texts] = key;
	table_add(&f->by_text, hash, f->n_texts);
	return f->n_texts++;
}

static bool same_edge(const void *ctx, uint32_t value, const void *key)
{
	const struct edge *have = &((const struct folding *)ctx)->edge[value], *want = key;

	return have->parent == want->parent && have->text == want->text;
}

/* The number below `parent`; a new one is of that meaning. */
static uint32_t child(struct folding *f, struct edge e, uint32_t meaning)
{
	uint64_t hash = table_hash(e.parent, e.text);
	uint32_t i = table_find(&f->by_edge, hash, same_edge, f, &e);

	if (i != TABLE_NONE)
		return i + 1;
	f->edge = xgrow(f->edge, f->n_edges, &f->cap_edges, sizeof(e));
	f->meaning = xgrow(f->meaning, f->n_edges, &f->cap_meanings, sizeof(*f->meaning));
	f->edge[f->n_edges] = e;
	f->meaning[f->n_edges] = meaning;
	table_add(&f->by_edge, hash, f->n_edges);
	return ++f->n_edges;
}

/* Paths are halved on the way. */
static uint32_t root(struct folding *f, uint32_t meaning)
{
	while (f->joined[meaning] != meaning)
		meaning = f->joined[meaning] = f->joined[f->joined[meaning]];
	return meaning;
}

static void fold(struct folding *f, const struct snapshot *s, const struct match *m)
{
	uint32_t *text = xcalloc(s->n_locations + 1, sizeof(*text));
	uint32_t *number = xcalloc(s->n_nodes, sizeof(*number));

	for (uint32_t i = 0; i < s->n_locations; i++)
		text[i] = text_of(f, s, &s->location[i]);
	for (uint32_t i = 1; i < s->n_nodes; i++) {
		const struct node *n = &s->node[i];
		if (m->need && !m->need[i])
			continue;
		number[i] = child(f, (struct edge){number[n->parent], text[n->location]},
		                  m->meaning[i]);
		uint32_t x = root(f, f->meaning[number[i] - 1]), y = root(f, m->meaning[i]);
		f->joined[x > y ? x : y] = x < y ? x : y;
	}
	free(text);
	free(number);
}

static uint32_t most(const struct snapshot *s, const struct match *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_nodes; i++)
		n = m->meaning[i] > n ? m->meaning[i] : n;
	return n;
}

static void rewrite(struct folding *f, const struct snapshot *s, struct match *m)
{
	for (uint32_t i = 0; i < s->n_nodes; i++)
		if (!m->need || m->need[i])
			m->meaning[i] = root(f, m->meaning[i]);
}

void alike_nodes(const struct snapshot *a, const struct snapshot *b, struct match *ma,
                 struct match *mb)
{
	uint32_t n = most(b, mb), n_a = a ? most(a, ma) : 0;
	struct folding f = {0};

	n = n_a > n ? n_a : n;
	f.joined = xcalloc((size_t)n + 1, sizeof(*f.joined));
	for (uint32_t i = 0; i <= n; i++)
		f.joined[i] = i;
	fold(&f, b, mb);
	if (a)
		fold(&f, a, ma);
	rewrite(&f, b, mb);
	if (a)
		rewrite(&f, a, ma);
	table_free(&f.by_text);
	table_free(&f.by_edge);
	free(f.text);
	free(f.edge);
	free(f.meaning);
	free(f.joined);
}
