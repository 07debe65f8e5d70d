/*
 * view.h - what the verbs that print tables have in common: options, loading with names, the
 * terminal. view.c.
 */
#ifndef OUTLIVE_VIEW_H
#define OUTLIVE_VIEW_H

#include "opt.h"
#include "out.h"

enum view_color { VIEW_COLOR_AUTO, VIEW_COLOR_ALWAYS, VIEW_COLOR_NEVER };
struct view {
	bool json;
	struct opt_count n;
	enum view_color color;
	struct profile_options profile;
	struct out_options out;
};

int view_parse_column(const char *value, void *to, struct err *err);
int view_parse_regex(const char *value, void *to, struct err *err);
int view_parse_color(const char *value, void *to, struct err *err);

/* clang-format off */
#define VIEW_OPT_JSON(v) {"json", 0, OPT_FLAG, &(v)->json, NULL, "JSON, with exact figures", NULL}
#define VIEW_OPT_WIDE(v, help) {"wide", 0, OPT_FLAG, &(v)->out.wide, NULL, help, NULL}
#define VIEW_OPT_COLOR(v) \
	{"color", 0, OPT_PARSED, &(v)->color, "WHEN", \
	 "auto (on a terminal, unless NO_COLOR is set), always, never", view_parse_color}
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
	VIEW_OPT_COLOR(v)
/* sort_help: names the columns and the default. */
#define VIEW_OPTIONS(v, sort_help) \
	{"sort", 0, OPT_PARSED, &(v)->out.sort, "COLUMN", sort_help, view_parse_column}, \
	VIEW_OPTIONS_PLAIN(v)
/* clang-format on */

/* After opt_parse(): works out rows, width, colour. */
void view_ready(struct view *v);
/* A snapshot with names. -1 with err. */
int view_load(const char *path, struct snapshot **out, struct err *err);
/* "outlive VERB: ..." on stderr. Returns EXIT_UNREADABLE. */
int view_fail(const char *verb, const struct err *err);

#endif
