/*
 * out_html_rows.c - the heap's stacks for the page: a row a stack, and the tree and the texts that
 * all numbers refer to. Written as they come: a hundred thousand rows are kept by nobody.
 */
#include "out_html.h"

#include "estimate.h"
#include "out_details.h"
#include "reach.h"

uint32_t page_text(struct page_data *w, const char *s)
{
	bool is_new;

	if (!s || !*s)
		return 0;
	return ids_get(&w->strings, (struct ids_key){{(uintptr_t)intern(s)}}, &is_new) + 1;
}

void page_number(struct page_data *w, bool first, int64_t n)
{
	w->d.failed |= fprintf(w->d.file, first ? "%lld" : ",%lld", (long long)n) < 0;
}

static void put_unsigned(struct page_data *w, uint64_t n)
{
	page_number(w, false, n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

static void open_row(struct page_data *w)
{
	w->d.failed |= fputs(w->d.n_rows++ ? ",\n[" : "\n[", w->d.file) < 0;
}

/* Ages and lifetimes: -1 where there are none. */
static void put_times(struct page_data *w, const struct row *r)
{
	struct histogram ages = row_survivors(w->r->profile, r);
	static const unsigned life[] = {500, 990, 1000}, age[] = {500, 1000};

	for (int i = 0; i < 3; i++)
		if (r->lifetimes.n)
			put_unsigned(w, out_details_lifetime_ns(r, life[i]));
		else
			page_number(w, false, -1);
	for (int i = 0; i < 2; i++)
		if (ages.n)
			put_unsigned(w, out_details_age_ns(&ages, age[i]));
		else
			page_number(w, false, -1);
}

/* What a scan of all that the program can reach says of the row's blocks. */
static void put_verdict(struct page_data *w, const struct row *r)
{
	struct str words = {0};

	if (reach_is_mixed(r->reach)) {
		reach_words(&words, r->reach);
		reach_owner_words(&words, r);
	}
	page_number(w, false, page_text(w, reach_verdict(r->reach)));
	page_number(w, false, page_text(w, words.data));
	str_free(&words);
}

static bool is_unchanged(const struct row *r)
{
	for (int c = 0; c < N_COLUMNS; c++)
		if (r->value[c])
			return false;
	return true;
}

/* [node, flags (1 mapping, 2 churn), the four columns, frees, bytes_freed, temporary, size_min,
 * size_max, lifetimes p50 p99 max, ages p50 max, verdict, its words]; of a row in which nothing
 * changed only the first two */
static void put_row(struct page_data *w, const struct row *r)
{
	open_row(w);
	page_number(w, true, calltree_add(&w->tree, r));
	page_number(w, false, (r->kind == FMT_KIND_MMAP) | r->churn << 1);
	if (is_unchanged(r)) {
		w->d.failed |= fputc(']', w->d.file) < 0;
		return;
	}
	for (int c = 0; c < N_COLUMNS; c++)
		page_number(w, false, r->value[c]);
	put_unsigned(w, r->frees);
	put_unsigned(w, r->bytes_freed);
	put_unsigned(w, r->temporary);
	put_unsigned(w, r->size_min);
	put_unsigned(w, r->size_max);
	put_times(w, r);
	put_verdict(w, r);
	w->d.failed |= fputc(']', w->d.file) < 0;
}

/* Of samples: standard errors of the four columns, a list a row. */
static void put_errors(struct page_data *w)
{
	const struct profile *p = w->r->profile;

	document_open_rows(&w->d, "errors");
	for (size_t i = 0; i < p->n_rows && profile_is_sampled(p); i++) {
		open_row(w);
		for (int c = 0; c < N_COLUMNS; c++) {
			double error = row_error(p, &p->row[i], (enum column)c);
			page_number(w, !c, error < 1e18 ? (int64_t)error : INT64_MAX);
		}
		w->d.failed |= fputc(']', w->d.file) < 0;
	}
	document_close_rows(&w->d);
}

void page_rows(struct page_data *w)
{
	const struct profile *p = w->r->profile;

	document_open_rows(&w->d, "rows");
	for (size_t i = 0; i < p->n_rows; i++)
		put_row(w, profile_row(p, i));
	document_close_rows(&w->d);
	put_errors(w);
	if (!p->a)
		return;
	document_open_rows(&w->d, "base_rows");
	for (size_t i = 0; i < p->n_rows; i++) {
		open_row(w);
		for (int c = 0; c < N_COLUMNS; c++)
			page_number(w, !c, p->row[i].base[c]);
		w->d.failed |= fputc(']', w->d.file) < 0;
	}
	document_close_rows(&w->d);
}

/* A list of one figure of all frames. */
static void put_frames(struct page_data *w, const char *key,
                       int64_t (*figure)(struct page_data *w, const struct call_frame *f))
{
	document_open_rows(&w->d, key);
	for (uint32_t i = 0; i < w->tree.n_frames; i++)
		page_number(w, !i, figure(w, &w->tree.frame[i]));
	document_close_rows(&w->d);
}

static int64_t function_of(struct page_data *w, const struct call_frame *f)
{
	return page_text(w, f->function);
}
static int64_t file_of(struct page_data *w, const struct call_frame *f)
{
	return page_text(w, f->file);
}
static int64_t module_of(struct page_data *w, const struct call_frame *f)
{
	return page_text(w, f->module);
}
static int64_t line_of(struct page_data *w, const struct call_frame *f)
{
	(void)w;
	return f->nameless ? -1 : (int64_t)f->number;
}

void page_tree(struct page_data *w)
{
	put_frames(w, "frame_function", function_of);
	put_frames(w, "frame_file", file_of);
	put_frames(w, "frame_module", module_of);
	put_frames(w, "frame_line", line_of);
	/* How far before a node its parent stands: mostly 1. */
	document_open_rows(&w->d, "node_up");
	for (uint32_t i = 1; i < w->tree.n_nodes; i++)
		page_number(w, i == 1, i - w->tree.node[i].parent);
	document_close_rows(&w->d);
	document_open_rows(&w->d, "node_frame");
	for (uint32_t i = 1; i < w->tree.n_nodes; i++)
		page_number(w, i == 1, w->tree.node[i].frame);
	document_close_rows(&w->d);
	document_open_rows(&w->d, "strings");
	for (uint32_t i = 0; i < w->strings.n; i++)
		document_row(&w->d, document_text((const char *)(uintptr_t)w->strings.key[i].w[0]));
	document_close_rows(&w->d);
}
