/*
 * out_tree.c - functions with their callers and their callees, as pprof's tree and peek show them:
 * callers above the function, callees below, each with what passed that way.
 *
 * JSON: as out_sums.c; a row has callers and callees, too, each with its identity and the four
 * columns.
 */
#include "notes.h"
#include "out_sums.h"

#include <stdlib.h>

enum { NEIGHBOURS = 10, NAME_COLUMN = 47 };

/* The edges of each group in their order: those of group i are at[first[i]] ... at[first[i + 1] -
 * 1]. */
struct edges {
	uint32_t *first, *at;
};

static uint32_t end_of(const struct sum_edge *e, bool callers)
{
	return callers ? e->callee : e->caller;
}

static void edges_start(struct edges *x, const struct sums *g, bool callers)
{
	x->first = xcalloc((size_t)g->n + 2, sizeof(uint32_t));
	x->at = xcalloc((size_t)g->n_edges + 1, sizeof(uint32_t));
	for (uint32_t i = 0; i < g->n_edges; i++)
		x->first[end_of(&g->edge[i], callers) + 2]++;
	for (uint32_t i = 0; i < g->n; i++)
		x->first[i + 2] += x->first[i + 1];
	for (uint32_t i = 0; i < g->n_edges; i++)
		x->at[x->first[end_of(&g->edge[i], callers) + 1]++] = i;
}

static void edges_end(struct edges *x)
{
	free(x->first);
	free(x->at);
}

struct tree {
	const struct sums *g;
	const struct out_options *o;
	struct edges callers, callees;
};

static void tree_start(struct tree *t, const struct sums *g, const struct out_options *o)
{
	*t = (struct tree){.g = g, .o = o};
	edges_start(&t->callers, g, true);
	edges_start(&t->callees, g, false);
}

static void tree_end(struct tree *t)
{
	edges_end(&t->callers);
	edges_end(&t->callees);
}

/* ---- text ---- */

static void print_neighbours(struct page *page, const struct tree *t, uint32_t i, bool callers)
{
	const struct edges *x = callers ? &t->callers : &t->callees;
	enum column sort = t->o->sort;
	uint32_t n = 0, more = 0;
	char share[32];

	for (uint32_t k = x->first[i]; k < x->first[i + 1]; k++) {
		const struct sum_edge *e = &t->g->edge[x->at[k]];
		if (e->value[sort] <= 0)
			continue;
		if (n == NEIGHBOURS && !t->o->wide) {
			more++;
			continue;
		}
		n++;
		page_pad(page, 28);
		out_sum_figure(page, sort, e->value[sort], t->g->p->a != NULL, 10);
		page_addf(page, STYLE_PLAIN, "%7s",
		          out_sum_percent(share, e->value[sort], t->g->at[i].cum[sort]));
		page_pad(page, NAME_COLUMN + 2);
		out_sum_name(page, STYLE_PLAIN, &t->g->at[callers ? e->caller : e->callee],
		             t->g->by, t->o->wide);
		page_end_line(page);
	}
	if (!more)
		return;
	page_pad(page, NAME_COLUMN + 2);
	page_addf(page, STYLE_DIM, "... %u more %s (--wide)", more,
	          callers ? "callers" : "callees");
	page_end_line(page);
}

static void print_node(struct page *page, const struct tree *t, uint32_t i)
{
	const struct sum *g = &t->g->at[i];
	enum column sort = t->o->sort;
	bool diff = t->g->p->a != NULL;
	char share[32];

	print_neighbours(page, t, i, true);
	out_sum_figure(page, sort, g->flat[sort], diff, 10);
	out_sum_figure(page, sort, g->cum[sort], diff, 11);
	page_addf(page, STYLE_PLAIN, "%7s",
	          out_sum_percent(share, g->cum[sort], t->g->total[sort]));
	page_pad(page, NAME_COLUMN);
	out_sum_name(page, STYLE_BOLD, g, t->g->by, t->o->wide);
	page_end_line(page);
	print_neighbours(page, t, i, false);
	page_end_line(page);
}

static void print_heads(struct page *page)
{
	page_end_line(page);
	page_addf(page, STYLE_BOLD, "%10s%11s%7s%10s%7s", "flat", "cum", "cum", "passed", "of it");
	page_pad(page, NAME_COLUMN + 2);
	page_add(page, STYLE_BOLD, "callers");
	page_end_line(page);
	page_pad(page, NAME_COLUMN);
	page_add(page, STYLE_BOLD, "function");
	page_end_line(page);
	page_pad(page, NAME_COLUMN + 2);
	page_add(page, STYLE_BOLD, "callees");
	page_end_line(page);
	page_end_line(page);
}

int out_text_tree(FILE *f, const struct sums *g, const struct out_options *o, struct err *err)
{
	struct page page = {.file = f, .width = o->width, .color = o->color};
	struct tree t;
	uint32_t n = 0, more = 0, shown = out_sum_count(g, o);

	tree_start(&t, g, o);
	out_sum_heading(&page, g->p, o);
	if (shown) {
		page_addf(&page, STYLE_PLAIN, "%u function%s, ranked by %s%s%s", shown,
		          shown == 1 ? "" : "s", o->cum ? "cumulative " : "",
		          g->p->a ? "growth of " : "", column_name[o->sort]);
		page_end_line(&page);
	}
	for (uint32_t i = 0; i < g->n; i++) {
		if (!out_sum_is_shown(&g->at[i], o))
			continue;
		if (o->n && n >= o->n) {
			more++;
			continue;
		}
		if (!n++)
			print_heads(&page);
		print_node(&page, &t, i);
	}
	if (!n) {
		page_end_line(&page);
		page_wrap(&page, STYLE_PLAIN, 0, 4, "No function to show.");
	}
	if (more) {
		page_addf(&page, STYLE_PLAIN, "%u more function%s (-n 0 shows all)", more,
		          more == 1 ? "" : "s");
		page_end_line(&page);
	}
	tree_end(&t);
	notes_hints(&page, o);
	return page_end(&page, err);
}

/* ---- JSON ---- */

static json_t *neighbours(const struct tree *t, uint32_t i, bool callers)
{
	const struct edges *x = callers ? &t->callers : &t->callees;
	json_t *list = json_array();

	for (uint32_t k = x->first[i]; k < x->first[i + 1]; k++) {
		const struct sum_edge *e = &t->g->edge[x->at[k]];
		json_t *o = document_columns(e->value);
		out_sum_identity(o, &t->g->at[callers ? e->caller : e->callee], t->g->by);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *row(const struct tree *t, uint32_t i)
{
	const struct sum *g = &t->g->at[i];
	json_t *o = document_columns(g->flat);

	json_object_set_new(o, "rank", document_number(i + 1));
	out_sum_identity(o, g, t->g->by);
	json_object_set_new(o, "cum", document_columns(g->cum));
	json_object_set_new(o, "stacks", document_number(g->n_stacks));
	json_object_set_new(o, "callers", neighbours(t, i, true));
	json_object_set_new(o, "callees", neighbours(t, i, false));
	return o;
}

int out_json_tree(FILE *f, const struct sums *g, const struct out_options *o, struct err *err)
{
	struct document d = {.file = f};
	struct tree t;
	size_t n = 0;

	tree_start(&t, g, o);
	out_sum_document(&d, g->p);
	document_put(&d, "hints", document_hints(o->hints));
	document_put(&d, "sort", json_string(column_name[o->sort]));
	document_put(&d, "total", document_columns(g->total));
	document_put(&d, "n_rows", document_number(g->n));
	document_open_rows(&d, "rows");
	for (uint32_t i = 0; i < g->n; i++)
		if (g->at[i].picked && (!o->n || n++ < o->n))
			document_row(&d, row(&t, i));
	document_close_rows(&d);
	tree_end(&t);
	return document_end(&d, err);
}
