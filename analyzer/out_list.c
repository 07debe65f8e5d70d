/*
 * out_list.c - source text with what was allocated in each line:
 *
 *   cache_put  /src/server/cache.c:30  (server)
 *   12.3 MB flat, 12.4 MB cum of 14.1 MB inuse_space (88 %)
 *         flat        cum
 *            .          .      30  int cache_put(struct cache *c, const char *key)
 *                                  ...
 *      12.3 MB    12.4 MB      42          e = make_entry(key);
 *      12.3 MB    12.3 MB                  in make_entry  entry.h:17  (inlined)
 *
 * JSON: as out_sums.c; a row has source (the file that was found, or null) and lines: line, text,
 * the four columns (flat), cum, inlined: function, file, line, depth, the four columns, cum.
 */
#include "out_list.h"

#include "notes.h"
#include "out_sums.h"

#include <string.h>

enum { AROUND = 2, TAB = 8, WIDE_COLUMN = 10 };

/* ---- text ---- */

struct lister {
	struct page *page;
	const struct listings *l;
	const struct out_options *o;
	bool sign;
};

static void add_figure(const struct lister *w, enum column c, int64_t value, int width)
{
	if (value)
		out_sum_figure(w->page, c, value, w->sign, width);
	else
		page_addf(w->page, STYLE_DIM, "%*s", width, ".");
}

static void add_figures(const struct lister *w, const int64_t flat[N_COLUMNS],
                        const int64_t cum[N_COLUMNS])
{
	static const enum column order[] = {ALLOC_SPACE, INUSE_SPACE, ALLOC_OBJECTS, INUSE_OBJECTS};
	const int64_t *side[2] = {flat, cum};

	for (int i = 0; i < 2 && w->o->wide; i++)
		for (int c = 0; c < N_COLUMNS; c++)
			add_figure(w, order[c], side[i][order[c]], WIDE_COLUMN);
	if (!w->o->wide) {
		add_figure(w, w->o->sort, flat[w->o->sort], 10);
		add_figure(w, w->o->sort, cum[w->o->sort], 11);
	}
}

static size_t text_column(const struct lister *w)
{
	return (w->o->wide ? 2 * N_COLUMNS * WIDE_COLUMN : 21) + 8 + 2;
}

static void add_source(const struct lister *w, enum style style, const char *text)
{
	struct str s = {0};
	size_t column = 0;

	str_add(&s, "");
	for (; *text; text++) {
		size_t n = *text == '\t' ? TAB - column % TAB : 1;
		if (*text == '\t')
			str_add_mem(&s, "        ", n);
		else
			str_add_mem(&s, text, 1);
		column += n;
	}
	page_add(w->page, style, s.data);
	str_free(&s);
}

static const char *text_of(const struct listing *l, uint32_t number)
{
	return number && number <= l->source.n_lines ? l->source.line[number - 1] : NULL;
}

/* How far the text of a line is indented, so that what is inlined there can stand below. */
static size_t indent_of(const char *text)
{
	size_t column = 0;

	for (; text && (*text == ' ' || *text == '\t'); text++)
		column += *text == '\t' ? TAB - column % TAB : 1;
	return column > 40 ? 40 : column;
}

static void print_inlined(const struct lister *w, const struct listing *l,
                          const struct listed_line *line)
{
	for (uint32_t k = 0; k < line->n_inlined; k++) {
		const struct inlined *i = &l->inlined[line->inlined[k]];
		const char *slash = i->file && !w->o->wide ? strrchr(i->file, '/') : NULL;
		add_figures(w, i->flat, i->cum);
		page_pad(w->page, text_column(w) + indent_of(text_of(l, line->number)) + 4 +
		                          2 * (i->depth < 20 ? i->depth : 20));
		page_add(w->page, STYLE_DIM, "in ");
		page_add_name(w->page, STYLE_DIM, i->function ? i->function : "?", w->o->wide);
		if (i->file && i->number)
			page_addf(w->page, STYLE_DIM, "  %s:%u", slash ? slash + 1 : i->file,
			          i->number);
		page_add(w->page, STYLE_DIM, "  (inlined)");
		page_end_line(w->page);
	}
}

static void print_line(const struct lister *w, const struct listing *l,
                       const struct listed_line *line)
{
	const char *text = text_of(l, line->number);

	add_figures(w, line->flat, line->cum);
	if (line->number)
		page_addf(w->page, STYLE_PLAIN, "%8u  ", line->number);
	else
		page_addf(w->page, STYLE_PLAIN, "%8s  (of this call the line is not known)", "?");
	if (text)
		add_source(w, STYLE_BOLD, text);
	page_end_line(w->page);
	print_inlined(w, l, line);
}

/* A line in which nothing was allocated. */
static void print_plain(const struct lister *w, const struct listing *l, uint32_t number)
{
	static const int64_t none[N_COLUMNS];

	add_figures(w, none, none);
	page_addf(w->page, STYLE_DIM, "%8u  ", number);
	add_source(w, STYLE_DIM, text_of(l, number));
	page_end_line(w->page);
}

/* The lines that nothing is said of, between `from` and `to`, both not included: those near, and
 * of the others that they are there. */
static void print_between(const struct lister *w, const struct listing *l, uint32_t from,
                          uint32_t to)
{
	uint32_t end = to - 1 < l->source.n_lines ? to - 1 : l->source.n_lines;

	if (end - from <= 2 * AROUND + 1 || end < from) {
		for (uint32_t n = from + 1; n <= end; n++)
			print_plain(w, l, n);
		return;
	}
	for (uint32_t n = from + 1; n <= from + AROUND; n++)
		print_plain(w, l, n);
	page_pad(w->page, text_column(w));
	page_add(w->page, STYLE_DIM, "...");
	page_end_line(w->page);
	for (uint32_t n = end - AROUND + 1; n <= end; n++)
		print_plain(w, l, n);
}

static void print_lines(const struct lister *w, const struct listing *l)
{
	uint32_t at = 0, first = 0, start = l->sum->start;

	while (first < l->n_lines && !l->line[first].number)
		print_line(w, l, &l->line[first++]);
	if (first == l->n_lines)
		return;
	bool known = start && start < l->line[first].number && start <= l->source.n_lines;
	if (known)
		print_plain(w, l, start);
	at = known                            ? start
	     : l->line[first].number > AROUND ? l->line[first].number - AROUND - 1
	                                      : 0;
	for (uint32_t i = first; i < l->n_lines; i++) {
		if (l->source.n_lines)
			print_between(w, l, at, l->line[i].number);
		print_line(w, l, &l->line[i]);
		at = l->line[i].number;
	}
	for (uint32_t n = at + 1; n <= at + AROUND && n <= l->source.n_lines; n++)
		print_plain(w, l, n);
}

/* Why there is less than a reader would like, if so. */
static void print_excuse(const struct lister *w, const struct listing *l)
{
	struct str s = {0};

	if (!l->sum->file) {
		str_addf(&s,
		         "no source lines known: %s has no debug information (`outlive info` says "
		         "what was found)",
		         module_basename(l->sum->module));
	} else if (!l->source.path) {
		str_addf(&s,
		         "the source is not here: %s (--source-path DIR, where a copy of the tree "
		         "is)",
		         l->sum->file);
	} else if (l->source.changed_ns > INFO_U(&w->l->sums->p->b->info, START_TIME) &&
	           INFO_U(&w->l->sums->p->b->info, START_TIME)) {
		str_addf(&s, "%s was changed after the program was started: lines may have moved",
		         l->source.path);
	}
	if (s.data)
		page_wrap(w->page, STYLE_WARNING, 2, 4, s.data);
	str_free(&s);
}

static void print_heads(const struct lister *w)
{
	static const char *const first[] = {"alloc",     "inuse",     "alloc",     "inuse",
	                                    "cum alloc", "cum inuse", "cum alloc", "cum inuse"};
	static const char *const second[] = {"space", "space", "objects", "objects"};

	if (!w->o->wide) {
		page_addf(w->page, STYLE_BOLD, "%10s%11s", "flat", "cum");
		page_end_line(w->page);
		return;
	}
	for (int i = 0; i < 2 * N_COLUMNS; i++)
		page_addf(w->page, STYLE_BOLD, "%*s", WIDE_COLUMN, first[i]);
	page_end_line(w->page);
	for (int i = 0; i < 2 * N_COLUMNS; i++)
		page_addf(w->page, STYLE_BOLD, "%*s", WIDE_COLUMN, second[i % N_COLUMNS]);
	page_end_line(w->page);
}

static void print_listing(const struct lister *w, const struct listing *l)
{
	char flat[32], cum[32], all[32], share[32];
	const struct sum *sum = l->sum;
	enum column c = w->o->sort;
	bool bytes = c == ALLOC_SPACE || c == INUSE_SPACE;
	int64_t total = w->l->sums->total[c];

	page_end_line(w->page);
	out_sum_name(w->page, STYLE_BOLD, sum, SUM_FUNCTION, true);
	page_end_line(w->page);
	page_addf(w->page, STYLE_PLAIN, "%s%s flat, %s%s cum of %s %s (%s)",
	          w->sign && sum->flat[c] > 0 ? "+" : "",
	          bytes ? human_bytes(flat, sum->flat[c]) : human_count(flat, sum->flat[c]),
	          w->sign && sum->cum[c] > 0 ? "+" : "",
	          bytes ? human_bytes(cum, sum->cum[c]) : human_count(cum, sum->cum[c]),
	          bytes ? human_bytes(all, total) : human_count(all, total), column_name[c],
	          out_sum_percent(share, sum->cum[c], total));
	page_end_line(w->page);
	print_excuse(w, l);
	if (!sum->file)
		return;
	print_heads(w);
	print_lines(w, l);
}

int out_text_list(FILE *f, const struct listings *l, const struct out_options *o, struct err *err)
{
	struct page page = {.file = f, .width = o->width, .color = o->color};
	struct lister w = {&page, l, o, l->sums->p->a != NULL};

	out_sum_heading(&page, l->sums->p, o);
	for (uint32_t i = 0; i < l->n; i++)
		print_listing(&w, &l->at[i]);
	page_end_line(&page);
	if (!l->n)
		page_wrap(&page, STYLE_PLAIN, 0, 4,
		          "No function of that name allocates, or calls what does.");
	if (l->n_more) {
		page_addf(&page, STYLE_PLAIN, "%u more function%s (-n 0 shows all)", l->n_more,
		          l->n_more == 1 ? "" : "s");
		page_end_line(&page);
	}
	notes_hints(&page, o);
	return page_end(&page, err);
}

/* ---- JSON ---- */

static json_t *inlined(const struct inlined *i)
{
	json_t *o = json_object();

	json_object_set_new(o, "function", document_text(i->function));
	json_object_set_new(o, "file", document_text(i->file));
	json_object_set_new(o, "line", i->number ? document_number(i->number) : json_null());
	json_object_set_new(o, "depth", document_number(i->depth));
	for (int c = 0; c < N_COLUMNS; c++)
		json_object_set_new(o, column_name[c], json_integer(i->flat[c]));
	json_object_set_new(o, "cum", document_columns(i->cum));
	return o;
}

/* Source may be in any encoding: what is not UTF-8 is made so. */
static json_t *source_text(const char *text)
{
	struct str s = {0};

	if (!text)
		return json_null();
	json_t *o = json_string(text);
	if (o)
		return o;
	str_add(&s, "");
	for (; *text; text++)
		str_add_mem(&s, (unsigned char)*text < 0x80 ? text : "?", 1);
	o = json_string(s.data);
	str_free(&s);
	return o ? o : json_null();
}

static json_t *line(const struct listing *l, const struct listed_line *line)
{
	json_t *o = json_object(), *list = json_array();

	json_object_set_new(o, "line", line->number ? document_number(line->number) : json_null());
	json_object_set_new(o, "text", source_text(text_of(l, line->number)));
	for (int c = 0; c < N_COLUMNS; c++)
		json_object_set_new(o, column_name[c], json_integer(line->flat[c]));
	json_object_set_new(o, "cum", document_columns(line->cum));
	for (uint32_t k = 0; k < line->n_inlined; k++)
		json_array_append_new(list, inlined(&l->inlined[line->inlined[k]]));
	json_object_set_new(o, "inlined", list);
	return o;
}

static json_t *row(const struct listing *l, size_t rank)
{
	json_t *o = json_object(), *lines = json_array();

	json_object_set_new(o, "rank", document_number(rank));
	out_sum_identity(o, l->sum, SUM_FUNCTION);
	for (int c = 0; c < N_COLUMNS; c++)
		json_object_set_new(o, column_name[c], json_integer(l->sum->flat[c]));
	json_object_set_new(o, "cum", document_columns(l->sum->cum));
	json_object_set_new(o, "source", document_text(l->source.path));
	for (uint32_t i = 0; i < l->n_lines; i++)
		json_array_append_new(lines, line(l, &l->line[i]));
	json_object_set_new(o, "lines", lines);
	return o;
}

int out_json_list(FILE *f, const struct listings *l, const struct out_options *o, struct err *err)
{
	struct document d = {.file = f};

	out_sum_document(&d, l->sums->p);
	document_put(&d, "hints", document_hints(o->hints));
	document_put(&d, "sort", json_string(column_name[o->sort]));
	document_put(&d, "total", document_columns(l->sums->total));
	document_put(&d, "n_rows", document_number(l->n + l->n_more));
	document_open_rows(&d, "rows");
	for (uint32_t i = 0; i < l->n; i++)
		document_row(&d, row(&l->at[i], i + 1));
	document_close_rows(&d);
	return document_end(&d, err);
}
