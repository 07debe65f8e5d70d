/*
 * view.c - the options of verbs that print tables, and the terminal that they print on: the only
 * place that asks the environment for either.
 */
#include "view.h"

#include "dpkg.h"
#include "focus.h"
#include "symbolize.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool view_no_cache;

enum { ROWS = 10, NARROWEST = 60, WIDTH = 80 };

int view_parse_column(const char *value, void *to, struct err *err)
{
	return column_parse(value, to, err);
}

int view_parse_regex(const char *value, void *to, struct err *err)
{
	if (focus_check(value, err))
		return -1;
	*(const char **)to = value;
	return 0;
}

int view_parse_by(const char *value, void *to, struct err *err)
{
	return sum_by_parse(value, to, err);
}

int view_parse_color(const char *value, void *to, struct err *err)
{
	static const char *const names[] = {"auto", "always", "never"};

	for (int i = 0; i < 3; i++) {
		if (!strcmp(value, names[i])) {
			*(enum view_color *)to = (enum view_color)i;
			return 0;
		}
	}
	return err_set(err, "--color is auto, always or never, not \"%s\"", value);
}

static unsigned terminal_width(void)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	unsigned width = 0;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		width = size.ws_col;
	if (!width && columns)
		width = (unsigned)strtoul(columns, NULL, 10);
	if (!width)
		width = WIDTH;
	return width < NARROWEST ? NARROWEST : width;
}

static bool wants_color(const struct view *v, bool terminal)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	if (v->color != VIEW_COLOR_AUTO)
		return v->color == VIEW_COLOR_ALWAYS;
	return terminal && !(none && *none) && term && *term && strcmp(term, "dumb");
}

void view_ready(struct view *v)
{
	bool terminal = isatty(STDOUT_FILENO);

	v->out.n = v->n.given ? (size_t)v->n.value : v->json ? 0 : ROWS;
	v->out.width = terminal && !v->out.wide ? terminal_width() : 0;
	v->out.color = wants_color(v, terminal);
	v->out.raw = v->profile.raw;
	v->profile.sort = v->out.sort;
}

int view_load(const char *path, struct snapshot **out, struct err *err)
{
	struct symbolize_options o = {.no_cache = view_no_cache};

	if (load_snapshot(path, out, err))
		return -1;
	if (!symbolize_snapshot(*out, &o, err))
		return 0;
	snapshot_free(*out);
	*out = NULL;
	return -1;
}

/* What would help a reader of its first rows. */
static void find_hints(const struct view *v, struct view_set *set)
{
	enum { FEW = 10 };
	struct hint_options o = {.rows = v->out.n ? v->out.n : FEW,
	                         .sort = v->out.sort,
	                         .raw = v->profile.raw,
	                         .lines = v->lines,
	                         .lists = DPKG_LISTS};

	hints_find(set->p, &o, &set->hints);
	set->out.hints = &set->hints;
}

static struct sums *make_sums(const struct view *v, const struct profile *p)
{
	struct sum_options o = {.by = v->out.by,
	                        .sort = v->out.sort,
	                        .cum = v->out.cum,
	                        .churn = v->out.churn,
	                        .edges = v->edges,
	                        .raw = v->profile.raw};

	return sums_make(p, &o);
}

int view_open(const struct view *v, const char *base, const char *path, struct view_set *set,
              struct err *err)
{
	struct profile_options o = v->profile;

	*set = (struct view_set){.out = v->out};
	o.samples |= v->out.by == SUM_THREAD;
	o.forget = !o.samples;
	if ((base && view_load(base, &set->a, err)) || view_load(path, &set->b, err))
		return -1;
	if (base ? profile_diff(set->a, set->b, &o, &set->p, err)
	         : profile_top(set->b, &o, &set->p, err))
		return -1;
	find_hints(v, set);
	if (v->out.by)
		set->sums = make_sums(v, set->p);
	return 0;
}

void view_close(struct view_set *set)
{
	sums_free(set->sums);
	hints_free(&set->hints);
	profile_free(set->p);
	snapshot_free(set->a);
	snapshot_free(set->b);
}

int view_fail(const char *verb, const struct err *err)
{
	fflush(stdout);
	fprintf(stderr, "outlive %s: ", verb);
	print_safe(stderr, err->text);
	fputc('\n', stderr);
	return EXIT_UNREADABLE;
}
