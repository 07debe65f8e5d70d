/*
 * out_text.c - profiles as tables for people: a heading that says what is compared, what to beware
 * of, ranked rows with their stacks, what was left out.
 *
 *        alloc     inuse     alloc     inuse
 *        space     space   objects   objects  freed
 *   1  +12.3 MB  +12.3 MB    +1.2 k    +1.2 k    0 %  cache_put  cache.c:42  (server)
 *          handle  server.c:310
 */
#include "estimate.h"
#include "notes.h"
#include "out.h"
#include "out_details.h"
#include "out_kinds.h"
#include "reach.h"

#include <string.h>

/* ---- rows ---- */

static void add_figure(struct page *page, enum column c, int64_t value, bool sign)
{
	char text[32];

	if (c == ALLOC_SPACE || c == INUSE_SPACE)
		human_bytes(text, value);
	else
		human_count(text, value);
	page_addf(page, STYLE_PLAIN, "%*s%s", (int)(10 - strlen(text)),
	          sign && value > 0 ? "+" : "", text);
}

/* 0 and 100 are said only when they are exact. */
static const char *percent(char buf[32], uint64_t part, uint64_t whole)
{
	if (!whole)
		return "-";
	if (part >= whole)
		return "100 %";
	unsigned p = (unsigned)((double)part * 100 / (double)whole + 0.5);
	if (!p && part)
		return "<1 %";
	if (p >= 100)
		return ">99 %";
	snprintf(buf, 32, "%u %%", p);
	return buf;
}

/* Only where there was a scan. */
static void add_verdict(struct page *page, const struct profile *p, const struct row *r)
{
	const char *verdict = reach_verdict(r->reach);

	if (snapshot_scan(p->b) == FMT_SCAN_DONE)
		page_addf(page, STYLE_PLAIN, "  %-9s", verdict ? verdict : "-");
}

static void add_held(struct page *page, const struct row *r)
{
	struct str s = {0};

	if (!reach_is_mixed(r->reach))
		return;
	reach_words(&s, r->reach);
	reach_owner_words(&s, r);
	page_pad(page, 10);
	page_add(page, STYLE_DIM, s.data);
	page_end_line(page);
	str_free(&s);
}

static void add_error(struct page *page, const struct profile *p, const struct row *r,
                      enum column sort)
{
	char share[32], text[40];

	if (!profile_is_sampled(p))
		return;
	snprintf(text, sizeof(text), "\302\261%s",
	         error_percent(share, row_error(p, r, sort), r->value[sort]));
	page_addf(page, STYLE_PLAIN, "%*s%s", (int)(11 - strlen(text)), "", text);
}

static void print_row(struct page *page, const struct profile *p, size_t i, size_t rank,
                      const struct out_options *o, struct nameless *nameless)
{
	static const enum column order[] = {ALLOC_SPACE, INUSE_SPACE, ALLOC_OBJECTS, INUSE_OBJECTS};
	const struct row *r = profile_row(p, i);
	int64_t born = row_born(p, r, ALLOC_SPACE);
	char share[32];

	page_addf(page, STYLE_BOLD, "%3zu", rank);
	for (int c = 0; c < N_COLUMNS; c++)
		add_figure(page, order[c], r->value[order[c]], p->a != NULL);
	add_error(page, p, r, o->sort);
	page_addf(page, STYLE_PLAIN, "%7s",
	          percent(share, r->bytes_freed, born > 0 ? (uint64_t)born : 0));
	add_verdict(page, p, r);
	out_stack_site(page, r, o, nameless);
	add_held(page, r);
	if (p->a || o->wide)
		out_details_survivors(page, p, r);
	if (o->wide)
		out_details(page, p, r);
	if (r->n_frames)
		out_stack_callers(page, r, o, nameless);
}

static void print_heads(struct page *page, const struct profile *p)
{
	bool sampled = profile_is_sampled(p);

	page_end_line(page);
	page_addf(page, STYLE_BOLD, "%3s%10s%10s%10s%10s%*s", "", "alloc", "inuse", "alloc",
	          "inuse", sampled ? 10 : 0, sampled ? "standard" : "");
	page_end_line(page);
	page_addf(page, STYLE_BOLD, "%3s%10s%10s%10s%10s%*s%7s", "", "space", "space", "objects",
	          "objects", sampled ? 10 : 0, sampled ? "error" : "", "freed");
	if (snapshot_scan(p->b) == FMT_SCAN_DONE)
		page_add(page, STYLE_BOLD, "  verdict");
	page_end_line(page);
}

/* Rows [from, to) that are positive in the column that ranks; returns how many of them were
 * printed. */
static size_t print_rows(struct page *page, const struct profile *p, size_t from, size_t to,
                         size_t *rank, const struct out_options *o, struct nameless *nameless)
{
	size_t n = 0;

	for (size_t i = from; i < to && p->row[i].value[o->sort] > 0 && (!o->n || n < o->n);
	     i++, n++) {
		if (!n)
			print_heads(page, p);
		print_row(page, p, i, ++*rank, o, nameless);
	}
	return n;
}

/* ---- what stands around the rows ---- */

static void print_left_out(struct page *page, const struct profile *p, size_t printed,
                           const struct out_options *o)
{
	size_t grew = 0, shrank = 0, n = p->n_rows - p->n_noise - p->n_churn;
	int64_t rest = 0, less = 0;
	char sum[32];
	bool bytes = o->sort == ALLOC_SPACE || o->sort == INUSE_SPACE;

	for (size_t i = printed; i < n; i++) {
		int64_t v = p->row[i].value[o->sort];
		grew += v > 0;
		shrank += v < 0;
		if (v > 0)
			rest = add_sat(rest, v);
		else
			less = add_sat(less, v);
	}
	if (grew) {
		bytes ? human_bytes(sum, rest) : human_count(sum, rest);
		page_addf(page, STYLE_PLAIN, "%zu more stack%s with %s%s of %s (-n 0 shows all)",
		          grew, grew == 1 ? "" : "s", p->a ? "+" : "", sum, column_name[o->sort]);
		page_end_line(page);
	}
	if (shrank && p->a) {
		bytes ? human_bytes(sum, less) : human_count(sum, less);
		page_addf(page, STYLE_PLAIN, "%zu stack%s with less %s than before: %s", shrank,
		          shrank == 1 ? "" : "s", column_name[o->sort], sum);
		page_end_line(page);
	}
}

int out_text_top(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct page page = {.file = f, .width = o->width, .color = o->color};
	struct nameless nameless = {0};
	size_t rank = 0;

	notes_top_heading(&page, p, o);
	notes_warnings(&page, p->b);
	size_t n = print_rows(&page, p, 0, p->n_rows - p->n_noise, &rank, o, &nameless);
	page_end_line(&page);
	if (!n)
		page_wrap(&page, STYLE_PLAIN, 0, 4, "Nothing to show.");
	print_left_out(&page, p, n, o);
	out_stack_nameless(&page, &nameless);
	notes_noise(&page, p, o);
	notes_hints(&page, o);
	return page_end(&page, err);
}

int out_text_diff(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct page page = {.file = f, .width = o->width, .color = o->color};
	struct nameless nameless = {0}, beside = {0};
	size_t rank = 0, n_churn = p->n_rows - p->n_churn, n_grown = n_churn - p->n_noise;

	notes_diff_heading(&page, p, o);
	size_t n = print_rows(&page, p, 0, n_grown, &rank, o, &nameless);
	page_end_line(&page);
	if (!n) {
		page_addf(&page, STYLE_PLAIN, "Nothing grew in %s%s.", column_name[o->sort],
		          p->n_churn ? " but churn" : "");
		page_end_line(&page);
	}
	print_left_out(&page, p, n, o);
	out_stack_nameless(&page, &nameless);
	notes_unmatched(&page, p);
	notes_noise(&page, p, o);
	if (o->churn && p->n_churn) {
		notes_churn(&page, p, o);
		print_rows(&page, p, n_churn, p->n_rows, &rank, o, &nameless);
	} else {
		notes_churn(&page, p, o);
	}
	if (o->kinds)
		out_text_growth(&page, o->kinds, o, &beside);
	out_stack_nameless(&page, &beside);
	notes_hints(&page, o);
	return page_end(&page, err);
}
