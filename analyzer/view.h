/*
 * view.h - what the verbs that print tables have in common: options, loading with names, the
 * terminal. view.c.
 */
#ifndef OUTLIVE_VIEW_H
#define OUTLIVE_VIEW_H

#include "hints.h"
#include "opt.h"
#include "out.h"

enum view_color { VIEW_COLOR_AUTO, VIEW_COLOR_ALWAYS, VIEW_COLOR_NEVER };
struct view {
	bool json;
	bool edges, lines; /* sums with edges are wanted; source lines, not only names */
	const char *base;  /* an older snapshot, whose figures are taken away; or NULL */
	struct opt_count n;
	enum view_color color;
	struct profile_options profile;
	struct out_options out;
};

int view_parse_column(const char *value, void *to, struct err *err);
int view_parse_regex(const char *value, void *to, struct err *err);
/* --no-cache: for all snapshots that view_load() loads. */
extern bool view_no_cache;

/* *(enum sum_by *)to */
int view_parse_by(const char *value, void *to, struct err *err);
int view_parse_color(const char *value, void *to, struct err *err);

/* clang-format off */
#define VIEW_OPT_JSON(v) {"json", 0, OPT_FLAG, &(v)->json, NULL, "JSON, with exact figures", NULL}
#define VIEW_OPT_WIDE(v, help) {"wide", 0, OPT_FLAG, &(v)->out.wide, NULL, help, NULL}
#define VIEW_OPT_COLOR(v) \
	{"color", 0, OPT_PARSED, &(v)->color, "WHEN", \
	 "auto (on a terminal, unless NO_COLOR is set), always, never", view_parse_color}
#define VIEW_OPT_CUM(v) \
	{"cum", 0, OPT_FLAG, &(v)->out.cum, NULL, \
	 "of functions and such: rank by what passed through them, not by what was\n" \
	 "allocated in them", NULL}
#define VIEW_OPT_BASE(v) \
	{"base", 0, OPT_TEXT, &(v)->base, "SNAPSHOT", \
	 "an older one: what grew since then, without churn", NULL}, \
	{"churn", 0, OPT_FLAG, &(v)->out.churn, NULL, "with --base: churn, too", NULL}
#define VIEW_OPT_BY(v) \
	{"by", 0, OPT_PARSED, &(v)->out.by, "WHAT", \
	 "what a row is: stack (default), function, line, module, thread", view_parse_by}, \
	VIEW_OPT_CUM(v)
#define VIEW_OPT_NOISE(flag) \
	{"noise", 0, OPT_FLAG, flag, NULL, \
	 "of sampled snapshots: rank also what is within two standard errors of nothing", NULL}
/* Those of every table. */
#define VIEW_OPTIONS_PLAIN(v) \
	VIEW_OPT_JSON(v), \
	{"rows", 'n', OPT_COUNT, &(v)->n, "N", "rows at most; 0: all (default 10; with --json all)", NULL}, \
	{"focus", 0, OPT_PARSED, &(v)->profile.focus, "REGEX", \
	 "only stacks with a function, file or module that matches", view_parse_regex}, \
	{"ignore", 0, OPT_PARSED, &(v)->profile.ignore, "REGEX", "no stacks with one", view_parse_regex}, \
	{"raw", 0, OPT_FLAG, &(v)->profile.raw, NULL, \
	 "all frames, also allocation wrappers (operator new, xmalloc ...)\nand the C library's", NULL}, \
	VIEW_OPT_WIDE(v, "whole stacks, whole paths, sizes and lifetimes"), \
	{"no-cache", 0, OPT_FLAG, &view_no_cache, NULL, \
	 "look all names up anew, and leave ~/.cache/outlive alone", NULL}, \
	VIEW_OPT_COLOR(v)
/* sort_help: names the columns and the default. */
#define VIEW_OPTIONS(v, sort_help) \
	{"sort", 0, OPT_PARSED, &(v)->out.sort, "COLUMN", sort_help, view_parse_column}, \
	{"hide", 0, OPT_PARSED, &(v)->profile.hide, "REGEX", \
	 "without the frames that match, wherever they stand in a stack", view_parse_regex}, \
	{"show-from", 0, OPT_PARSED, &(v)->profile.show_from, "REGEX", \
	 "without the callers of the outermost frame that matches", view_parse_regex}, \
	VIEW_OPTIONS_PLAIN(v)
/* clang-format on */

/* After opt_parse(): works out rows, width, colour. */
void view_ready(struct view *v);
/* A snapshot with names. -1 with err. */
int view_load(const char *path, struct snapshot **out, struct err *err);

/* One snapshot, or the difference of two, from files to a profile, and what its writers need. */
struct view_set {
	struct snapshot *a, *b; /* a NULL: not a diff */
	struct profile *p;
	struct sums *sums;      /* by v->out.by; NULL: the rows are stacks */
	struct out_options out; /* v->out, with hints for a reader of its first rows */
	struct hints hints;
};
/* base: the path of A, or NULL. -1 with err. view_close() in either case. */
int view_open(const struct view *v, const char *base, const char *path, struct view_set *set,
              struct err *err);
void view_close(struct view_set *set);
/* "outlive VERB: ..." on stderr. Returns EXIT_UNREADABLE. */
int view_fail(const char *verb, const struct err *err);

#endif
