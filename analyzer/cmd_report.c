/*
 * cmd_report.c - `outlive report`: snapshots as one HTML file to look at.
 */
#include "cmd.h"
#include "kind_view.h"
#include "report.h"
#include "write_file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCES = 150 };

struct request {
	const char *output, *source_path;
	struct rule_choice rules;
	struct view view;
};

/* An operand, with who and when of its snapshot. */
struct named {
	const char *path;
	struct snapshot *info;
};

static int by_time(const void *a, const void *b)
{
	uint64_t x = INFO_U(&((const struct named *)a)->info->info, TIME),
	         y = INFO_U(&((const struct named *)b)->info->info, TIME);

	return (x > y) - (x < y);
}

static int order(struct named *at, int n, struct err *err)
{
	for (int i = 0; i < n; i++)
		if (load_snapshot_info(at[i].path, &at[i].info, err))
			return -1;
	qsort(at, (size_t)n, sizeof(*at), by_time);
	return 0;
}

/* The oldest of the process that the last one is of; NULL: the last one is alone. */
static const char *oldest(const struct named *at, int n)
{
	for (int i = 0; i < n - 1; i++)
		if (snapshot_same_run(at[i].info, at[n - 1].info))
			return at[i].path;
	return NULL;
}

static int print(FILE *f, void *ctx, struct err *err)
{
	return out_html(f, ctx, err);
}

/* at[n - 1] is shown. */
static int make(const struct named *at, int n, const char *base, const struct request *q,
                const struct rules *rules, struct err *err)
{
	const struct report_options o = {.profile = q->view.profile,
	                                 .rules = rules,
	                                 .source_path = q->source_path,
	                                 .n_sources = SOURCES};
	struct snapshot *a = NULL, *b = NULL;
	struct history history = {0};
	struct report r = {0};
	int rc = -1;

	if (view_load(at[n - 1].path, &b, err) || (base && view_load(base, &a, err)))
		goto out;
	history_add(&history, b, b);
	if (a)
		history_add(&history, b, a);
	for (int i = 0; i < n - 1; i++) {
		struct snapshot *s;
		if (base && !strcmp(at[i].path, base))
			continue;
		if (!snapshot_same_run(at[i].info, at[n - 1].info)) {
			history.n_others++;
			continue;
		}
		if (view_load(at[i].path, &s, err))
			goto out;
		history_add(&history, b, s);
		snapshot_free(s);
	}
	history_finish(&history);
	if (!report_make(a, b, &history, &o, &r, err))
		rc = write_file(q->output, print, &r, err);
out:
	report_free(&r);
	history_free(&history);
	snapshot_free(a);
	snapshot_free(b);
	return rc;
}

static int run(int n, char **paths, const struct request *q, struct err *err)
{
	struct named *at = xcalloc((size_t)n, sizeof(*at));
	const char *base = q->view.base;
	struct rules rules;
	int rc = -1;

	for (int i = 0; i < n; i++)
		at[i].path = paths[i];
	if (!rule_choice_load(&q->rules, &rules, err) && !order(at, n, err))
		rc = make(at, n, base ? base : oldest(at, n), q, &rules, err);
	rules_free(&rules);
	for (int i = 0; i < n; i++)
		snapshot_free(at[i].info);
	free(at);
	if (!rc && strcmp(q->output, "-"))
		print_path_line(stdout, q->output);
	return rc;
}

int cmd_report(int argc, char **argv)
{
	struct request q = {.output = "report.html", .view = {0}};
	struct view *v = &q.view;
	const struct opt options[] = {
	        {"base", 0, OPT_TEXT, &v->base, "SNAPSHOT",
	         "an older one: what grew since then (default: the oldest of those named)", NULL},
	        {"output", 'o', OPT_TEXT, &q.output, "FILE",
	         "where to (default report.html); - is stdout", NULL},
	        {"source-path", 0, OPT_TEXT, &q.source_path, "DIRS",
	         "folders, joined by ':', with the source, or parts of its tree", NULL},
	        {"focus", 0, OPT_PARSED, &v->profile.focus, "REGEX",
	         "only stacks with a function, file or module that matches", view_parse_regex},
	        {"ignore", 0, OPT_PARSED, &v->profile.ignore, "REGEX", "no stacks with one",
	         view_parse_regex},
	        {"hide", 0, OPT_PARSED, &v->profile.hide, "REGEX",
	         "without the frames that match, wherever they stand in a stack", view_parse_regex},
	        {"show-from", 0, OPT_PARSED, &v->profile.show_from, "REGEX",
	         "without the callers of the outermost frame that matches", view_parse_regex},
	        {"raw", 0, OPT_FLAG, &v->profile.raw, NULL,
	         "with allocation wrappers (operator new, xmalloc ...) at the inner end", NULL},
	        RULE_OPTIONS(&q.rules),
	        {"no-cache", 0, OPT_FLAG, &view_no_cache, NULL,
	         "look all names up anew, and leave ~/.cache/outlive alone", NULL},
	        {0}};
	const struct opt_verb verb = {
	        .verb = "report",
	        .synopsis = "[OPTION]... SNAPSHOT...",
	        .about = "Writes one HTML file that needs nothing else: what grew, flame graphs, "
	                 "source, threads, timers,\n"
	                 "descriptors. Of several snapshots the latest is shown, against the "
	                 "oldest of its process (or\n"
	                 "--base); the time line is of all.",
	        .examples = "outlive report outlive.server.4711.*.snap\n"
	                    "outlive report --base before.snap after.snap -o growth.html",
	        .least = 1,
	        .most = INT_MAX,
	        .operands = "name a snapshot",
	        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	v->profile.sort = v->base || argc > 2 ? ALLOC_SPACE : INUSE_SPACE;
	return run(argc - 1, argv + 1, &q, &err) ? view_fail("report", &err) : EXIT_CLEAN;
}
