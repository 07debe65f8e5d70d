/*
 * watch_screen.c - the live view on a terminal, by ncurses. Draws the whole of it each time: a line
 * of who, four lines of figures with their course, a table, a line of keys. Reads nothing but the
 * model. Names are other people's: str_add_safe() before they reach the terminal.
 */
#include <curses.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

#include "out_kinds.h"
#include "short_name.h"
#include "watch.h"

enum { HEAD_LINES = 6, COLUMN_WIDTH = 10 };
enum { PAIR_BAD = 1, PAIR_GOOD, PAIR_DIM, PAIR_TITLE };

static const char *const tab_name[N_TABS] = {"heap", "threads", "timers", "descriptors"};

/* Text at a place, cut at the right edge. */
static void put(int y, int x, int attributes, const char *text)
{
	struct str s = {0};
	int room = COLS - x;

	if (room <= 0 || y >= LINES || !text)
		return;
	str_add_safe(&s, text);
	attron(attributes);
	/* Columns, not bytes: addnstr counts those of the locale. */
	mvaddnstr(y, x, s.data ? s.data : "", room);
	attroff(attributes);
	str_free(&s);
}

static void putf(int y, int x, int attributes, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
static void putf(int y, int x, int attributes, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(y, x, attributes, text);
}

static char *with_sign(char buf[40], enum column column, int64_t v)
{
	char text[32];

	if (column == ALLOC_SPACE || column == INUSE_SPACE)
		human_bytes(text, v);
	else
		human_count(text, v);
	snprintf(buf, 40, "%s%s", v > 0 ? "+" : "", text);
	return buf;
}

/* ---- figures and their course ---- */

static int64_t point_value(const struct watch_point *p, bool rss)
{
	return rss ? p->rss : p->live;
}

/* The last `width` looks between their lowest and their highest. */
static void draw_spark(const struct watch *w, int y, int x, int width, bool rss)
{
	static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
	                                     "\u2585", "\u2586", "\u2587", "\u2588"};
	static const char *const plain[] = {"_", "_", ".", ".", "-", "-", "^", "^"};
	const char *const *step = strcmp(nl_langinfo(CODESET), "UTF-8") ? plain : blocks;
	size_t n = w->n_points, first;
	int64_t low = INT64_MAX, high = 0;

	if (width > COLS - x)
		width = COLS - x;
	if (width <= 0)
		return;
	first = n > (size_t)width ? n - (size_t)width : 0;
	for (size_t i = first; i < n; i++) {
		int64_t v = point_value(&w->point[i], rss);
		low = v < low ? v : low;
		high = v > high ? v : high;
	}
	move(y, x);
	for (size_t i = first; i < n; i++) {
		double at = high > low ? (double)(point_value(&w->point[i], rss) - low) /
		                                 (double)(high - low)
		                       : 0;
		addstr(step[(int)(at * 7.0 + 0.5)]);
	}
}

static void draw_heap(const struct watch *w, int y)
{
	const struct watch_point *p = &w->point[w->n_points - 1];
	char live[32], blocks[32], rate[32], each[32], grown[40];

	put(y, 0, A_BOLD, "heap");
	putf(y, 10, 0, "%s in %s blocks", human_bytes(live, p->live),
	     human_count(blocks, p->blocks));
	if (w->mark != w->now) {
		int64_t growth = w->profile ? w->profile->total[FMT_KIND_HEAP][INUSE_SPACE] : 0;
		with_sign(grown, INUSE_SPACE, growth);
		putf(y, 36, COLOR_PAIR(growth > 0 ? PAIR_BAD : PAIR_GOOD), "%s", grown);
	}
	putf(y, 47, COLOR_PAIR(PAIR_DIM), "%s/s, %s/s",
	     human_bytes(rate, (int64_t)watch_rate(w, false)),
	     human_count(each, (int64_t)watch_rate(w, true)));
	draw_spark(w, y, 68, COLS - 69, false);
}

static void draw_rss(const struct watch *w, int y)
{
	const struct watch_point *p = &w->point[w->n_points - 1];
	char rss[32], grown[40];

	put(y, 0, A_BOLD, "resident");
	if (p->rss < 0) {
		put(y, 10, COLOR_PAIR(PAIR_DIM), "not measured");
		return;
	}
	put(y, 10, 0, human_bytes(rss, p->rss));
	if (w->n_points > 1)
		putf(y, 36, COLOR_PAIR(PAIR_DIM), "%s",
		     with_sign(grown, INUSE_SPACE, p->rss - w->point[0].rss));
	draw_spark(w, y, 68, COLS - 69, true);
}

static void draw_kinds(const struct watch *w, int y)
{
	static const char *const title[N_KINDS] = {"threads", "timers", "descriptors"};

	for (int kind = 0; w->kinds && kind < N_KINDS; kind++) {
		const struct kind_table *t = &w->kinds->table[kind];
		int x = kind * 26;
		char grown[40];
		put(y, x, A_BOLD, title[kind]);
		putf(y, x + 13, 0, "%llu", (unsigned long long)t->count);
		if (w->mark != w->now && t->count != t->base)
			putf(y, x + 18, COLOR_PAIR(t->count > t->base ? PAIR_BAD : PAIR_GOOD), "%s",
			     with_sign(grown, INUSE_OBJECTS, (int64_t)t->count - (int64_t)t->base));
	}
}

static void draw_head(const struct watch *w)
{
	const struct snapshot *s = w->now;
	char up[32], since[32];

	putf(0, 0, A_BOLD, "%s (pid %d)", INFO_S(&s->info, COMMAND), (int)w->pid);
	human_ns(up, INFO_U(&s->info, UPTIME));
	human_ns(since, INFO_U(&s->info, UPTIME) - INFO_U(&w->mark->info, UPTIME));
	putf(0, 34, COLOR_PAIR(PAIR_DIM), "up %s; growth of the last %s; look %llu%s", up, since,
	     (unsigned long long)w->looks, w->paused ? "; PAUSED" : "");
	draw_heap(w, 1);
	draw_rss(w, 2);
	draw_kinds(w, 3);
	if (snapshot_lost(s))
		putf(4, 0, COLOR_PAIR(PAIR_BAD), "%llu events were lost: figures are too low",
		     (unsigned long long)snapshot_lost(s));
}

/* ---- the table of the heap ---- */

static void draw_row(const struct watch *w, const struct row *r, int y, bool selected)
{
	static const enum column order[N_COLUMNS] = {ALLOC_SPACE, INUSE_SPACE, ALLOC_OBJECTS,
	                                             INUSE_OBJECTS};
	int attributes = selected ? A_REVERSE : 0, x = 0;
	char text[40];

	move(y, 0);
	for (int i = 0; i < N_COLUMNS; i++, x += COLUMN_WIDTH)
		putf(y, x, attributes | (order[i] == w->options.sort ? A_BOLD : 0), "%*s ",
		     COLUMN_WIDTH - 1, with_sign(text, order[i], r->value[order[i]]));
	struct str s = {0};
	for (uint32_t i = r->site_frame, shown = 0; i < r->n_frames && shown < 6; i++, shown++) {
		const struct location *l = r->frame[i];
		uint32_t line = i == r->site_frame ? r->site_line : 0;
		str_add(&s, shown ? " < " : r->churn ? "churn: " : "");
		if (line < l->n_lines && l->line[line].function)
			short_name(&s, l->line[line].function, 80);
		else
			str_addf(&s, "%s+0x%llx", module_basename(&r->snapshot->module[l->module]),
			         (unsigned long long)l->address);
	}
	put(y, x, attributes, s.data ? s.data : "(no stack known)");
	str_free(&s);
}

static void draw_table(struct watch *w, int top, int bottom)
{
	static const char *const title[N_COLUMNS] = {"alloc", "inuse", "allocs", "inuse #"};
	static const enum column order[N_COLUMNS] = {ALLOC_SPACE, INUSE_SPACE, ALLOC_OBJECTS,
	                                             INUSE_OBJECTS};
	size_t n = watch_rows(w), room = bottom > top ? (size_t)(bottom - top) : 0, first;

	attron(COLOR_PAIR(PAIR_TITLE));
	for (int i = 0; i < N_COLUMNS; i++)
		putf(top, i * COLUMN_WIDTH,
		     COLOR_PAIR(PAIR_TITLE) | (order[i] == w->options.sort ? A_UNDERLINE : 0),
		     "%*s ", COLUMN_WIDTH - 1, title[i]);
	putf(top, N_COLUMNS * COLUMN_WIDTH, COLOR_PAIR(PAIR_TITLE), "%-*s",
	     COLS > N_COLUMNS * COLUMN_WIDTH ? COLS - N_COLUMNS * COLUMN_WIDTH : 0,
	     w->mark == w->now ? "since the start" : "since the mark");
	attroff(COLOR_PAIR(PAIR_TITLE));
	if (!n && w->mark != w->now)
		put(top + 1, 0, COLOR_PAIR(PAIR_DIM),
		    w->profile && w->profile->n_churn
		            ? "nothing grew; what came has been given back (c shows it)"
		            : "nothing was allocated");
	first = room && w->selected >= room ? w->selected - room + 1 : 0;
	for (size_t i = first; i < n && i - first < room; i++)
		draw_row(w, profile_row(w->profile, i), top + 1 + (int)(i - first),
		         i == w->selected);
}

/* ---- what others print, as lines ---- */

static void draw_text(struct watch *w, char *text, int top, int bottom)
{
	size_t lines = 0, room = bottom >= top ? (size_t)(bottom - top + 1) : 0;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	if (w->scroll + room > lines)
		w->scroll = lines > room ? lines - room : 0;
	char *line = text;
	for (size_t i = 0; line && *line; i++) {
		char *end = strchr(line, '\n');
		if (end)
			*end = 0;
		if (i >= w->scroll && i - w->scroll < room)
			put(top + (int)(i - w->scroll), 0, 0, line);
		line = end ? end + 1 : NULL;
	}
}

static void print_row(FILE *f, const struct watch *w)
{
	const struct row *r = profile_row(w->profile, w->selected);
	struct out_options o = {.width = (unsigned)COLS, .wide = true, .callers = true};
	struct page page = {.file = f, .width = (unsigned)COLS};
	struct nameless nameless = {0};
	struct err err;
	char text[40];

	for (int c = 0; c < N_COLUMNS; c++) {
		page_addf(&page, STYLE_PLAIN, "%-14s", column_name[c]);
		page_pad(&page, 16);
		page_add(&page, STYLE_BOLD, with_sign(text, (enum column)c, r->value[c]));
		page_end_line(&page);
	}
	page_end_line(&page);
	out_stack_site(&page, r, &o, &nameless);
	out_stack_callers(&page, r, &o, &nameless);
	out_stack_nameless(&page, &nameless);
	page_end(&page, &err);
}

static const char HELP[] =
        "1 2 3 4, Tab   heap, threads, timers, descriptors\n"
        "up, down       choose a row; PgUp, PgDn, Home, End\n"
        "Enter          the whole stack of the row; Enter or Esc goes back\n"
        "s              sort by the next column: alloc, inuse, allocs, inuse #\n"
        "m              mark: growth is counted from here on\n"
        "c              show churn, too: what was given back again, or is in flight\n"
        "p              pause: take no more looks, until p\n"
        "+ -            look more seldom, more often\n"
        "space          look now\n"
        "q              leave; the program runs on as it is\n"
        "\n"
        "A look is a snapshot: the program is held for a fraction of a millisecond, a helper\n"
        "process of its writes the file, and the file goes as soon as it is read here.\n";

static void draw_body(struct watch *w, int top, int bottom)
{
	struct out_options o = {.width = (unsigned)COLS, .n = 200};
	char *text = NULL;
	size_t size;
	struct err err;

	if (w->tab == TAB_HEAP && !w->detail && !w->help) {
		draw_table(w, top, bottom);
		return;
	}
	FILE *f = open_memstream(&text, &size);
	if (!f)
		return;
	if (w->help)
		fputs(HELP, f);
	else if (w->tab == TAB_HEAP && watch_rows(w))
		print_row(f, w);
	else if (w->tab != TAB_HEAP && w->kinds)
		out_text_kind(f, w->kinds, (enum object_kind)(w->tab - TAB_THREADS), &o, &err);
	fclose(f);
	draw_text(w, text, top, bottom);
	free(text);
}

void watch_draw(struct watch *w)
{
	erase();
	if (w->now)
		draw_head(w);
	for (int i = 0, x = 0; i < N_TABS; i++) {
		putf(HEAD_LINES - 1, x, i == (int)w->tab ? A_REVERSE | A_BOLD : 0, " %d %s ", i + 1,
		     tab_name[i]);
		x += (int)strlen(tab_name[i]) + 5;
	}
	if (w->now)
		draw_body(w, HEAD_LINES, LINES - 2);
	if (*w->problem.text)
		put(LINES - 1, 0, COLOR_PAIR(PAIR_BAD) | A_BOLD, w->problem.text);
	else
		put(LINES - 1, 0, COLOR_PAIR(PAIR_DIM),
		    "q quit  m mark  s sort  c churn  Enter stack  p pause  1-4 kinds  ? help");
	refresh();
}
