/*
 * out_traces.c - every stack in full, as pprof's traces: a rule, the figures and whose they are,
 * the frames, innermost first.
 *
 *   ------------------------------------------------------------
 *      12.3 MB  inuse_space   thread worker (tid 4712)
 *               cache_put  cache.c:42  (server)
 *               handle  server.c:310
 */
#include "out_traces.h"

#include "notes.h"
#include "out_stack.h"
#include "out_sums.h"

#include <stdlib.h>
#include <string.h>

enum { RULE = 60, THREADS = 5 };

/* Samples of B by row: those of row i are at[first[i]] ... at[first[i + 1] - 1]. */
struct by_row {
	uint32_t *first, *at;
};

static void by_row_start(struct by_row *x, const struct profile *p)
{
	uint32_t n = p->b->n_samples, n_numbers = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t number = profile_row_number(p, true, i);
		if (number != PROFILE_NO_ROW && number >= n_numbers)
			n_numbers = number + 1;
	}
	for (size_t i = 0; i < p->n_rows; i++)
		if (p->row[i].number >= n_numbers)
			n_numbers = p->row[i].number + 1;
	x->first = xcalloc((size_t)n_numbers + 2, sizeof(uint32_t));
	x->at = xcalloc((size_t)n + 1, sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
		if (profile_row_number(p, true, i) != PROFILE_NO_ROW)
			x->first[profile_row_number(p, true, i) + 2]++;
	for (uint32_t i = 0; i < n_numbers; i++)
		x->first[i + 2] += x->first[i + 1];
	for (uint32_t i = 0; i < n; i++)
		if (profile_row_number(p, true, i) != PROFILE_NO_ROW)
			x->at[x->first[profile_row_number(p, true, i) + 1]++] = i;
}

/* "8 threads called worker", "server (tid 4711)", each with its share, unless one has it all. */
static void print_threads(struct page *page, const struct profile *p, const struct by_row *x,
                          const struct row *r, const struct out_options *o)
{
	uint32_t from = x->first[r->number], n = x->first[r->number + 1] - from;

	for (uint32_t k = 0; k < n && (k < THREADS || o->wide); k++) {
		const struct sample *s = &p->b->sample[x->at[from + k]];
		const struct sum who = {.thread = &p->b->thread[s->thread]};
		page_pad(page, 12);
		page_add(page, STYLE_DIM, "by ");
		out_sum_name(page, STYLE_DIM, &who, SUM_THREAD, o->wide);
		if (n > 1) {
			page_add(page, STYLE_DIM, ":");
			out_sum_figure(page, o->sort, s->value[o->sort], false, 10);
		}
		page_end_line(page);
	}
	if (n > THREADS && !o->wide) {
		page_pad(page, 12);
		page_addf(page, STYLE_DIM, "and %u more threads (--wide)", n - THREADS);
		page_end_line(page);
	}
}

static void print_trace(struct page *page, const struct profile *p, const struct by_row *x,
                        size_t i, const struct out_options *o, struct nameless *nameless)
{
	struct out_options all = *o;
	const struct row *r = profile_row(p, i);
	char rule[RULE + 1];

	memset(rule, '-', RULE);
	rule[RULE] = 0;
	all.callers = true;
	page_add(page, STYLE_DIM, rule);
	page_end_line(page);
	out_sum_figure(page, o->sort, r->value[o->sort], p->a != NULL, 10);
	out_stack_site(page, r, &all, nameless);
	out_stack_callers(page, r, &all, nameless);
	print_threads(page, p, x, r, o);
}

int out_text_traces(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct page page = {.file = f, .width = o->width, .color = o->color};
	struct nameless nameless = {0};
	struct by_row x;
	size_t n = 0, end = o->churn ? p->n_rows : p->n_rows - p->n_churn;

	by_row_start(&x, p);
	out_sum_heading(&page, p, o);
	page_end_line(&page);
	for (size_t i = 0; i < end && (!o->n || n < o->n); i++)
		if (p->row[i].value[o->sort] > 0 && ++n)
			print_trace(&page, p, &x, i, o, &nameless);
	if (!n)
		page_wrap(&page, STYLE_PLAIN, 0, 4, "Nothing to show.");
	out_stack_nameless(&page, &nameless);
	free(x.first);
	free(x.at);
	notes_hints(&page, o);
	return page_end(&page, err);
}
