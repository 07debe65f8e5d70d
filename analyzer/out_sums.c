/*
 * out_sums.c - sums by function, line, module or thread: as tables for people, as JSON.
 *
 *        alloc     inuse     alloc     inuse       cum
 *        space     space   objects   objects     inuse   cum
 *   1  12.3 MB   12.3 MB     1.2 k     1.2 k   12.3 MB  40 %  cache_put  cache.c:42  (server)
 *
 * JSON: snapshot, audit, by, sort, total (the four columns), n_rows, rows; a row: rank, function,
 * file, line, module, address, or thread {name, tid, threads}; the four columns (flat), cum (the
 * four), frees, bytes_freed, freed_share, stacks. A diff has base and same_run, too.
 */
#include "out_sums.h"

#include "notes.h"

#include <string.h>

void out_sum_heading(struct page *page, const struct profile *p, const struct out_options *o)
{
	if (p->a) {
		notes_diff_heading(page, p, o);
		return;
	}
	notes_top_heading(page, p, o);
	notes_warnings(page, p->b);
}

void out_sum_figure(struct page *page, enum column c, int64_t value, bool sign, int width)
{
	char text[32];

	if (c == ALLOC_SPACE || c == INUSE_SPACE)
		human_bytes(text, value);
	else
		human_count(text, value);
	page_addf(page, STYLE_PLAIN, "%*s%s", width - (int)strlen(text),
	          sign && value > 0 ? "+" : "", text);
}

const char *out_sum_percent(char buf[32], int64_t part, int64_t whole)
{
	if (whole <= 0)
		return "-";
	double p = (double)part * 100 / (double)whole;
	if (part > 0 && p < 0.5)
		return "<1 %";
	if (part < whole && p >= 99.5)
		return ">99 %";
	snprintf(buf, 32, "%.0f %%", p);
	return buf;
}

static const char *base_name(const char *path, bool wide)
{
	const char *slash = wide ? NULL : strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void add_thread(struct page *page, enum style style, const struct thread_group *t)
{
	if (!t->tid && !*t->name)
		page_add(page, style, "(thread unknown)");
	else if (t->n_threads > 1)
		page_addf(page, style, "%u threads called %s", t->n_threads,
		          *t->name ? t->name : "nothing");
	else
		page_addf(page, style, "%s  (tid %u)", *t->name ? t->name : "(unnamed)", t->tid);
}

bool out_sum_is_shown(const struct sum *g, const struct out_options *o)
{
	return g->picked && (g->flat[o->sort] > 0 || g->cum[o->sort] > 0);
}

uint32_t out_sum_count(const struct sums *g, const struct out_options *o)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n; i++)
		n += out_sum_is_shown(&g->at[i], o);
	return n;
}

void out_sum_name(struct page *page, enum style style, const struct sum *g, enum sum_by by,
                  bool wide)
{
	if (by == SUM_THREAD) {
		add_thread(page, style, g->thread);
		return;
	}
	if (!g->module) {
		page_add(page, style, "(no stack known)");
		return;
	}
	const char *module = base_name(g->module->path, wide || by == SUM_MODULE);
	if (by == SUM_MODULE) {
		page_add(page, style, *module ? module : "(no module: code made at run time)");
		return;
	}
	if (g->function)
		page_add_name(page, style, g->function, wide);
	else
		page_addf(page, style, "%s%s0x%llx", module_basename(g->module), *module ? "+" : "",
		          (unsigned long long)g->address);
	uint32_t number = by == SUM_LINE ? g->number : g->start;
	if (g->file && number)
		page_addf(page, STYLE_DIM, "  %s:%u", base_name(g->file, wide), number);
	else if (g->file)
		page_addf(page, STYLE_DIM, "  %s", base_name(g->file, wide));
	if (*module)
		page_addf(page, STYLE_DIM, "  (%s)", module);
}

/* ---- text ---- */

static void print_ranked(struct page *page, const struct sums *g, const struct out_options *o)
{
	struct str s = {0};
	uint32_t n = out_sum_count(g, o);

	if (!n)
		return;
	str_addf(&s, "%u %s%s, ranked by %s%s%s", n, sum_by_name[g->by], n == 1 ? "" : "s",
	         o->cum ? "cumulative " : "", g->p->a ? "growth of " : "", column_name[o->sort]);
	if (g->by != SUM_THREAD)
		str_add(&s, "; cum: with what it calls");
	page_wrap(page, STYLE_PLAIN, 0, 4, s.data);
	str_free(&s);
}

static void print_heads(struct page *page, const struct sums *g, const struct out_options *o)
{
	static const char *const word[N_COLUMNS] = {"objects", "space", "objects", "space"};
	bool threads = g->by == SUM_THREAD;

	page_end_line(page);
	page_addf(page, STYLE_BOLD, "%3s%10s%10s%10s%10s%10s", "", "alloc", "inuse", "alloc",
	          "inuse", threads ? "" : "cum");
	page_end_line(page);
	page_addf(page, STYLE_BOLD, "%3s%10s%10s%10s%10s", "", "space", "space", "objects",
	          "objects");
	if (threads)
		page_addf(page, STYLE_BOLD, "%7s", "freed");
	else
		page_addf(page, STYLE_BOLD, "%10s%7s", word[o->sort], "cum");
	page_end_line(page);
}

static void print_group(struct page *page, const struct sums *g, uint32_t i,
                        const struct out_options *o)
{
	static const enum column order[] = {ALLOC_SPACE, INUSE_SPACE, ALLOC_OBJECTS, INUSE_OBJECTS};
	const struct sum *group = &g->at[i];
	char share[32];
	bool diff = g->p->a != NULL;

	page_addf(page, STYLE_BOLD, "%3u", i + 1);
	for (int c = 0; c < N_COLUMNS; c++)
		out_sum_figure(page, order[c], group->flat[order[c]], diff, 10);
	if (g->by == SUM_THREAD) {
		int64_t freed =
		        group->bytes_freed > INT64_MAX ? INT64_MAX : (int64_t)group->bytes_freed;
		page_addf(page, STYLE_PLAIN, "%7s",
		          out_sum_percent(share, freed < group->born ? freed : group->born,
		                          group->born));
	} else {
		out_sum_figure(page, o->sort, group->cum[o->sort], diff, 10);
		page_addf(page, STYLE_PLAIN, "%7s",
		          out_sum_percent(share, group->cum[o->sort], g->total[o->sort]));
	}
	page_add(page, STYLE_PLAIN, "  ");
	if (page->width && page->width < 100 && g->by != SUM_THREAD) {
		page_end_line(page);
		page_pad(page, 10);
	}
	out_sum_name(page, STYLE_BOLD, group, g->by, o->wide);
	page_end_line(page);
}

int out_text_sums(FILE *f, const struct sums *g, const struct out_options *o, struct err *err)
{
	struct page page = {.file = f, .width = o->width, .color = o->color};
	uint32_t n = 0, more = 0;

	out_sum_heading(&page, g->p, o);
	print_ranked(&page, g, o);
	for (uint32_t i = 0; i < g->n; i++) {
		if (!out_sum_is_shown(&g->at[i], o))
			continue;
		if (o->n && n >= o->n) {
			more++;
			continue;
		}
		if (!n++)
			print_heads(&page, g, o);
		print_group(&page, g, i, o);
	}
	page_end_line(&page);
	if (!n)
		page_wrap(&page, STYLE_PLAIN, 0, 4, "Nothing to show.");
	if (more) {
		page_addf(&page, STYLE_PLAIN, "%u more %s%s (-n 0 shows all)", more,
		          sum_by_name[g->by], more == 1 ? "" : "s");
		page_end_line(&page);
	}
	if (g->p->a)
		notes_churn(&page, g->p, o);
	notes_hints(&page, o);
	return page_end(&page, err);
}

/* ---- JSON ---- */

void out_sum_identity(json_t *o, const struct sum *g, enum sum_by by)
{
	char address[32];

	if (by == SUM_THREAD) {
		json_t *t = json_object();
		json_object_set_new(t, "name", document_text(g->thread->name));
		json_object_set_new(t, "tid",
		                    g->thread->tid ? document_number(g->thread->tid) : json_null());
		json_object_set_new(t, "threads", document_number(g->thread->n_threads));
		json_object_set_new(o, "thread", t);
		return;
	}
	uint32_t number = by == SUM_LINE ? g->number : g->start;
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)g->address);
	json_object_set_new(o, "function", document_text(g->function));
	json_object_set_new(o, "file", document_text(g->file));
	json_object_set_new(o, "line", number ? document_number(number) : json_null());
	json_object_set_new(o, "module", document_text(g->module ? g->module->path : NULL));
	json_object_set_new(o, "address", g->address ? json_string(address) : json_null());
}

void out_sum_document(struct document *d, const struct profile *p)
{
	document_put(d, "snapshot", document_snapshot(p->b));
	document_put(d, "audit", document_audit(p->b));
	if (!p->a)
		return;
	json_t *base = json_object();
	json_object_set_new(base, "snapshot", document_snapshot(p->a));
	json_object_set_new(base, "audit", document_audit(p->a));
	document_put(d, "base", base);
	document_put(d, "same_run", json_boolean(p->same_run));
	document_put(d, "since_ns", p->same_run ? document_number(p->since_ns) : json_null());
}

static json_t *share(uint64_t freed, int64_t born)
{
	if (born <= 0)
		return json_null();
	double part = (double)freed / (double)born;
	return json_real(part > 1 ? 1 : part);
}

static json_t *row(const struct sums *g, uint32_t i)
{
	const struct sum *group = &g->at[i];
	json_t *o = json_object();

	json_object_set_new(o, "rank", document_number(i + 1));
	out_sum_identity(o, group, g->by);
	for (int c = 0; c < N_COLUMNS; c++)
		json_object_set_new(o, column_name[c], json_integer(group->flat[c]));
	json_object_set_new(o, "cum", document_columns(group->cum));
	json_object_set_new(o, "frees", document_number(group->frees));
	json_object_set_new(o, "bytes_freed", document_number(group->bytes_freed));
	json_object_set_new(o, "freed_share", share(group->bytes_freed, group->born));
	json_object_set_new(o, "stacks", document_number(group->n_stacks));
	return o;
}

int out_json_sums(FILE *f, const struct sums *g, const struct out_options *o, struct err *err)
{
	struct document d = {.file = f};
	uint32_t n = o->n && o->n < g->n ? (uint32_t)o->n : g->n;

	out_sum_document(&d, g->p);
	document_put(&d, "hints", document_hints(o->hints));
	document_put(&d, "by", json_string(sum_by_name[g->by]));
	document_put(&d, "sort", json_string(column_name[o->sort]));
	document_put(&d, "total", document_columns(g->total));
	document_put(&d, "n_rows", document_number(g->n));
	document_open_rows(&d, "rows");
	for (uint32_t i = 0; i < n; i++)
		document_row(&d, row(g, i));
	document_close_rows(&d);
	return document_end(&d, err);
}
