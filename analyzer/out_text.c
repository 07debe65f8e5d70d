/*
 * out_text.c - profiles as tables for people: a heading that says what is compared, what to beware
 * of, ranked rows with their stacks, what was left out.
 *
 *        alloc     inuse     alloc     inuse
 *        space     space   objects   objects  freed
 *   1  +12.3 MB  +12.3 MB    +1.2 k    +1.2 k    0 %  cache_put  cache.c:42  (server)
 *          handle  server.c:310
 */
#include "notes.h"
#include "out.h"
#include "page.h"

#include <string.h>

enum { CALLERS = 6 };

/* Modules with frames that have no name, among those that were printed: the reader will want to
 * know. */
struct nameless {
	const struct module *module[8];
	unsigned n;
};

static void note_nameless(struct nameless *all, const struct module *m)
{
	for (unsigned i = 0; i < all->n; i++)
		if (!strcmp(all->module[i]->path, m->path))
			return;
	if (all->n < 8 && *m->path)
		all->module[all->n++] = m;
}

/* ---- frames ---- */

/* The name of one line of a location: "function", "libfoo.so+0x1234". */
static void add_function(struct page *page, enum style style, const struct row *r,
                         const struct location *loc, uint32_t line, struct nameless *nameless)
{
	const struct module *m = &r->snapshot->module[loc->module];

	if (line < loc->n_lines && loc->line[line].function) {
		page_add(page, style, loc->line[line].function);
		return;
	}
	note_nameless(nameless, m);
	page_addf(page, style, "%s%s0x%llx", module_basename(m), *m->path ? "+" : "",
	          (unsigned long long)loc->address);
}

static void add_place(struct page *page, const struct location *loc, uint32_t line, bool wide)
{
	const char *file = line < loc->n_lines ? loc->line[line].file : NULL;

	if (!file)
		return;
	const char *slash = strrchr(file, '/');
	if (loc->line[line].number)
		page_addf(page, STYLE_DIM, "  %s:%u", wide || !slash ? file : slash + 1,
		          loc->line[line].number);
	else
		page_addf(page, STYLE_DIM, "  %s", wide || !slash ? file : slash + 1);
}

static void add_module(struct page *page, const struct row *r, const struct location *loc,
                       bool wide)
{
	const struct module *m = &r->snapshot->module[loc->module];

	if (*m->path)
		page_addf(page, STYLE_DIM, "  (%s)", wide ? m->path : module_basename(m));
}

static size_t site_width(const struct row *r)
{
	const struct location *loc = r->frame[r->site_frame];
	const struct line *l = loc->n_lines ? &loc->line[r->site_line] : NULL;
	const char *base = module_basename(&r->snapshot->module[loc->module]);
	size_t n = safe_width(base) + 4;

	n += l && l->function ? safe_width(l->function) : safe_width(base) + 14;
	if (l && l->file) {
		const char *slash = strrchr(l->file, '/');
		n += safe_width(slash ? slash + 1 : l->file) + 8;
	}
	return n;
}

static void print_site(struct page *page, const struct row *r, const struct out_options *o,
                       struct nameless *nameless)
{
	if (page->width && page->columns && r->n_frames &&
	    page->columns + 2 + site_width(r) > page->width) {
		page_end_line(page);
		page_pad(page, 6);
	} else {
		page_add(page, STYLE_PLAIN, "  ");
	}
	if (r->kind == FMT_KIND_MMAP)
		page_add(page, STYLE_PLAIN, "mmap: ");
	if (!r->n_frames) {
		page_add(page, STYLE_BOLD, "(no stack known)");
		page_end_line(page);
		return;
	}
	const struct location *loc = r->frame[r->site_frame];
	add_function(page, STYLE_BOLD, r, loc, r->site_line, nameless);
	add_place(page, loc, r->site_line, o->wide);
	add_module(page, r, loc, o->wide);
	page_end_line(page);
}

static const char *broken_end(const struct row *r)
{
	uint32_t flags = r->n_frames ? r->frame[r->n_frames - 1]->flags : 0;

	if (flags & FMT_NODE_TRUNCATED)
		return "(the stack was deeper than was kept: depth=N in OUTLIVE_OPTIONS)";
	if (flags & FMT_NODE_BROKEN)
		return "(the stack could not be followed further)";
	return NULL;
}

/* The callers of the site, outwards. Frames of the C library and of wrappers are not the reader's
 * business, here too. */
static void print_callers(struct page *page, const struct row *r, const struct out_options *o,
                          struct nameless *nameless)
{
	static const struct line no_line;
	uint32_t shown = 0, hidden = 0, module = r->n_frames ? r->frame[r->site_frame]->module : 0;

	for (uint32_t f = r->site_frame; f < r->n_frames; f++) {
		const struct location *loc = r->frame[f];
		uint32_t n = loc->n_lines ? loc->n_lines : 1;
		for (uint32_t i = f == r->site_frame ? r->site_line + 1 : 0; i < n; i++) {
			const struct line *l = loc->n_lines ? &loc->line[i] : &no_line;
			if (!o->raw && fold_is_wrapper(l, &r->snapshot->module[loc->module]))
				continue;
			if (shown == CALLERS && !o->wide && !o->raw) {
				hidden++;
				continue;
			}
			shown++;
			page_pad(page, 10);
			add_function(page, STYLE_PLAIN, r, loc, i, nameless);
			add_place(page, loc, i, o->wide);
			if (loc->module != module || o->wide)
				add_module(page, r, loc, o->wide);
			module = loc->module;
			page_end_line(page);
		}
	}
	if (hidden || broken_end(r)) {
		page_pad(page, 10);
		if (hidden)
			page_addf(page, STYLE_DIM, "... %u more (--wide)", hidden);
		if (broken_end(r))
			page_addf(page, STYLE_DIM, "%s%s", hidden ? ", " : "", broken_end(r));
		page_end_line(page);
	}
}

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

static void print_details(struct page *page, const struct row *r)
{
	char a[32], b[32], text[256];
	int n = 0;

	if (r->size_max) {
		n = snprintf(text, sizeof(text), "sizes %s to %s",
		             human_bytes(a, (int64_t)r->size_min),
		             human_bytes(b, (int64_t)r->size_max));
	}
	if (r->lifetimes.n)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		              "%slived up to %s (half), %s (99 %%)", n ? "; " : "",
		              human_ns(a, UINT64_C(1) << (histogram_quantile(&r->lifetimes, 500) +
		                                          FMT_TICK_SHIFT)),
		              human_ns(b, UINT64_C(1) << (histogram_quantile(&r->lifetimes, 990) +
		                                          FMT_TICK_SHIFT)));
	if (r->temporary)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		              "%s%s freed before the thread's next allocation", n ? "; " : "",
		              human_count(a, (int64_t)r->temporary));
	if (!n)
		return;
	page_pad(page, 10);
	page_add(page, STYLE_DIM, text);
	page_end_line(page);
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
	page_addf(page, STYLE_PLAIN, "%7s",
	          percent(share, r->bytes_freed, born > 0 ? (uint64_t)born : 0));
	print_site(page, r, o, nameless);
	if (o->wide)
		print_details(page, r);
	if (r->n_frames)
		print_callers(page, r, o, nameless);
}

static void print_heads(struct page *page)
{
	page_end_line(page);
	page_addf(page, STYLE_BOLD, "%3s%10s%10s%10s%10s", "", "alloc", "inuse", "alloc", "inuse");
	page_end_line(page);
	page_addf(page, STYLE_BOLD, "%3s%10s%10s%10s%10s%7s", "", "space", "space", "objects",
	          "objects", "freed");
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
			print_heads(page);
		print_row(page, p, i, ++*rank, o, nameless);
	}
	return n;
}

/* ---- what stands around the rows ---- */

static void print_nameless(struct page *page, const struct nameless *nameless)
{
	struct str s = {0};

	if (!nameless->n)
		return;
	str_add(&s, "no names known for frames in");
	for (unsigned i = 0; i < nameless->n; i++)
		str_addf(&s, "%s %s", i ? "," : "", module_basename(nameless->module[i]));
	str_add(&s, " (`outlive info` says why)");
	page_wrap(page, STYLE_PLAIN, 2, 4, s.data);
	str_free(&s);
}

static void print_left_out(struct page *page, const struct profile *p, size_t printed,
                           const struct out_options *o)
{
	size_t grew = 0, shrank = 0, n = p->n_rows - p->n_churn;
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
	size_t n = print_rows(&page, p, 0, p->n_rows, &rank, o, &nameless);
	page_end_line(&page);
	if (!n)
		page_wrap(&page, STYLE_PLAIN, 0, 4, "Nothing to show.");
	print_left_out(&page, p, n, o);
	print_nameless(&page, &nameless);
	return page_end(&page, err);
}

static void print_churn(struct page *page, const struct profile *p, const struct out_options *o)
{
	char bytes[32], blocks[32];
	struct str s = {0};

	if (!p->n_churn)
		return;
	str_addf(&s, "churn: %zu stack%s ", p->n_churn, p->n_churn == 1 ? "" : "s");
	if (p->churn[ALLOC_SPACE] > 0)
		str_addf(&s, "allocated %s in %s blocks and gave them back, or hold",
		         human_bytes(bytes, p->churn[ALLOC_SPACE]),
		         human_count(blocks, p->churn[ALLOC_OBJECTS]));
	else
		str_add(&s, "gave back what they allocated, or hold");
	str_addf(&s, "%s them only for what is in flight%s", p->n_churn == 1 ? "s" : "",
	         o->churn ? "" : " (--churn shows them)");
	page_wrap(page, STYLE_PLAIN, 2, 4, s.data);
	str_free(&s);
}

int out_text_diff(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct page page = {.file = f, .width = o->width, .color = o->color};
	struct nameless nameless = {0};
	size_t rank = 0, n_grown = p->n_rows - p->n_churn;

	notes_diff_heading(&page, p, o);
	size_t n = print_rows(&page, p, 0, n_grown, &rank, o, &nameless);
	page_end_line(&page);
	if (!n) {
		page_addf(&page, STYLE_PLAIN, "Nothing grew in %s%s.", column_name[o->sort],
		          p->n_churn ? " but churn" : "");
		page_end_line(&page);
	}
	print_left_out(&page, p, n, o);
	print_nameless(&page, &nameless);
	notes_unmatched(&page, p);
	if (o->churn && p->n_churn) {
		print_churn(&page, p, o);
		print_rows(&page, p, n_grown, p->n_rows, &rank, o, &nameless);
	} else {
		print_churn(&page, p, o);
	}
	return page_end(&page, err);
}
