/*
 * cmd_export.c - `outlive export`: snapshots as files for other tools. A table says which formats
 * there are; what a file looks like is its writer's.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "kind_view.h"
#include "out_kinds.h"
#include "out_prometheus.h"
#include "out_trace.h"
#include "write_file.h"

/* Time series that a process may add to a Prometheus. */
enum { SITES = 20 };

struct export
{
	const struct format *format;
	int kind;           /* enum object_kind, or N_KINDS: the heap */
	const char *output; /* NULL: by the snapshot's name, or stdout */
	struct rule_choice rules;
	struct view view;
};

/* What is written: of one snapshot, or of all that were named. */
struct exported {
	const struct export *e;
	struct rules rules;
	struct part {
		struct snapshot *a, *b; /* a: the base, or NULL */
		struct profile *p;
		struct kinds *kinds;
	} * part;
	int n;
};

/* ---- formats ---- */

static int write_pprof(FILE *f, const struct exported *x, struct err *err)
{
	return out_pprof(f, x->part->p, &x->e->view.out, err);
}
static int write_folded(FILE *f, const struct exported *x, struct err *err)
{
	return out_folded(f, x->part->p, &x->e->view.out, err);
}
static int write_svg(FILE *f, const struct exported *x, struct err *err)
{
	return out_svg(f, x->part->p, &x->e->view.out, err);
}
static int write_speedscope(FILE *f, const struct exported *x, struct err *err)
{
	return out_speedscope(f, x->part->p, &x->e->view.out, err);
}

static int write_json(FILE *f, const struct exported *x, struct err *err)
{
	if (x->e->kind != N_KINDS)
		return out_json_kind(f, x->part->kinds, (enum object_kind)x->e->kind,
		                     &x->e->view.out, err);
	return x->part->a ? out_json_diff(f, x->part->p, &x->e->view.out, err)
	                  : out_json_top(f, x->part->p, &x->e->view.out, err);
}

static int by_uptime(const void *a, const void *b)
{
	const struct snapshot *x = *(const struct snapshot *const *)a;
	const struct snapshot *y = *(const struct snapshot *const *)b;
	uint64_t u = INFO_U(&x->info, UPTIME), v = INFO_U(&y->info, UPTIME);

	return u != v ? (u < v ? -1 : 1)
	              : (INFO_U(&x->info, SEQUENCE) > INFO_U(&y->info, SEQUENCE)) -
	                        (INFO_U(&x->info, SEQUENCE) < INFO_U(&y->info, SEQUENCE));
}

static int write_perfetto(FILE *f, const struct exported *x, struct err *err)
{
	const struct snapshot **all = xcalloc((size_t)x->n, sizeof(*all));
	struct history h = {0};

	for (int i = 0; i < x->n; i++) {
		all[i] = x->part[i].b;
		history_add(&h, x->part[0].b, all[i]);
	}
	history_finish(&h);
	qsort(all, (size_t)x->n, sizeof(*all), by_uptime);
	int rc = h.n_others ? err_set(err,
	                              "these are snapshots of several processes: a trace is of one")
	                    : out_perfetto(f, all, (uint32_t)x->n, &h, err);
	history_free(&h);
	free(all);
	return rc;
}

static int write_metrics(FILE *f, const struct exported *x, bool openmetrics, struct err *err)
{
	struct metrics_of *of = xcalloc((size_t)x->n, sizeof(*of));
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	for (int i = 0; i < x->n; i++)
		of[i] = (struct metrics_of){.profile = x->part[i].p, .kinds = x->part[i].kinds};
	int rc = out_prometheus(
	        f, of, (size_t)x->n,
	        &(struct metrics_options){.openmetrics = openmetrics,
	                                  .named = true,
	                                  .raw = x->e->view.out.raw,
	                                  .n_sites = SITES,
	                                  .now_ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	                                            (uint64_t)now.tv_nsec},
	        err);
	free(of);
	return rc;
}
static int write_prometheus(FILE *f, const struct exported *x, struct err *err)
{
	return write_metrics(f, x, false, err);
}
static int write_openmetrics(FILE *f, const struct exported *x, struct err *err)
{
	return write_metrics(f, x, true, err);
}

static const struct format {
	const char *name;
	const char *ending; /* of the file's name; NULL: stdout unless -o says otherwise */
	int (*write)(FILE *f, const struct exported *x, struct err *err);
	bool binary;   /* nothing for a terminal */
	bool together; /* all snapshots in one file */
	bool base;     /* knows differences */
	bool kinds;    /* knows --kind */
} formats[] = {
        {"pprof", ".pb.gz", write_pprof, .binary = true, .kinds = true},
        {"folded", NULL, write_folded, .kinds = true},
        {"svg", ".svg", write_svg, .base = true, .kinds = true},
        {"speedscope", ".speedscope.json", write_speedscope, .kinds = true},
        {"perfetto", ".trace.json", write_perfetto, .together = true},
        {"prometheus", NULL, write_prometheus, .together = true, .base = true},
        {"openmetrics", NULL, write_openmetrics, .together = true, .base = true},
        {"json", NULL, write_json, .base = true, .kinds = true},
};
enum { N_FORMATS = sizeof(formats) / sizeof(*formats) };

static int parse_format(const char *value, void *to, struct err *err)
{
	const char *names[N_FORMATS + 1] = {NULL};
	struct str all = {0};

	for (int i = 0; i < N_FORMATS; i++) {
		names[i] = formats[i].name;
		str_addf(&all, "%s%s", i ? ", " : "", names[i]);
		if (!strcmp(value, names[i])) {
			*(const struct format **)to = &formats[i];
			str_free(&all);
			return 0;
		}
	}
	const char *near = nearest(value, names);
	err_set(err, "--format is one of %s, not \"%s\"%s%s%s", all.data, value,
	        near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	str_free(&all);
	return -1;
}

static int parse_kind(const char *value, void *to, struct err *err)
{
	int *kind = to;

	for (*kind = 0; *kind < N_KINDS; ++*kind)
		if (!strcmp(value, kind_name[*kind]))
			return 0;
	if (!strcmp(value, "heap"))
		return 0;
	return err_set(err, "--kind is heap, threads, timers or fds, not \"%s\"", value);
}

/* ---- files ---- */

static int write_to(FILE *f, void *ctx, struct err *err)
{
	const struct exported *x = ctx;

	return x->e->format->write(f, x, err);
}

/* outlive.redis-server.17.1.snap -> outlive.redis-server.17.1.pb.gz, here; of another kind than the
 * heap with its name before the end. To be freed. */
static char *default_name(const char *snapshot, const struct export *e)
{
	const char *slash = strrchr(snapshot, '/');
	const char *base = slash ? slash + 1 : snapshot, *ending = e->format->ending;
	size_t n = strlen(base);

	if (n > 5 && !strcmp(base + n - 5, ".snap"))
		n -= 5;
	if (e->kind != N_KINDS)
		return xasprintf("%.*s.%s%s", (int)n, base, kind_name[e->kind], ending);
	return xasprintf("%.*s%s", (int)n, base, ending);
}

static int write_out(const char *snapshot, struct exported *x, struct err *err)
{
	const struct export *e = x->e;

	if (e->output ? !strcmp(e->output, "-") : !e->format->ending) {
		if (e->format->binary && isatty(STDOUT_FILENO))
			return err_set(err, "a %s file is not for a terminal: -o FILE, or pipe it",
			               e->format->name);
		return write_to(stdout, x, err);
	}
	char *path = e->output ? xstrdup(e->output) : default_name(snapshot, e);
	int result = write_file(path, write_to, x, err);
	if (!result)
		print_path_line(stdout, path);
	free(path);
	return result;
}

/* ---- snapshots ---- */

static void part_free(struct part *t)
{
	profile_free(t->p);
	kinds_free(t->kinds);
	snapshot_free(t->a);
	snapshot_free(t->b);
}

static int part_make(const char *path, const struct exported *x, struct part *t, struct err *err)
{
	const struct view *v = &x->e->view;
	struct profile_options o = v->profile;

	/* A graph of a difference also shows what stays. */
	o.unchanged = x->e->format->write == write_svg;
	if ((v->base && view_load(v->base, &t->a, err)) || view_load(path, &t->b, err) ||
	    kinds_make(t->a, t->b,
	               &(struct kinds_options){.profile = &v->profile, .rules = &x->rules},
	               &t->kinds, err))
		return -1;
	if (x->e->kind != N_KINDS) {
		t->p = kinds_profile(t->kinds, (enum object_kind)x->e->kind);
		return 0;
	}
	return t->a ? profile_diff(t->a, t->b, &o, &t->p, err) : profile_top(t->b, &o, &t->p, err);
}

/* One file of n snapshots. */
static int export_some(char *const *paths, int n, const struct export *e, struct err *err)
{
	struct exported x = {.e = e, .n = n, .part = xcalloc((size_t)n, sizeof(struct part))};
	int result = rule_choice_load(&e->rules, &x.rules, err);

	for (int i = 0; i < n && !result; i++)
		result = part_make(paths[i], &x, &x.part[i], err);
	if (!result)
		result = write_out(paths[n - 1], &x, err);
	for (int i = 0; i < n; i++)
		part_free(&x.part[i]);
	free(x.part);
	rules_free(&x.rules);
	return result;
}

/* ---- the verb ---- */

/* What does not go together. EXIT_USAGE, or -1. */
static int refuse(const struct export *e, int n)
{
	const char *name = e->format->name;

	if (e->output && n > 1 && !e->format->together && strcmp(e->output, "-"))
		fputs("outlive export: -o names one file, for one snapshot\n", stderr);
	else if (e->view.base && (!e->format->base || (e->kind != N_KINDS && strcmp(name, "json"))))
		fprintf(stderr,
		        "outlive export: a difference (--base) is for svg, json, prometheus "
		        "and openmetrics, of the heap%s\n",
		        strcmp(name, "pprof") ? "" : "; pprof itself takes -diff_base");
	else if (e->kind != N_KINDS && !e->format->kinds)
		fprintf(stderr, "outlive export: %s has all kinds: without --kind\n", name);
	else
		return -1;
	return EXIT_USAGE;
}

static int parse(int *argc, char **argv, struct export *e)
{
	struct view *v = &e->view;
	const struct opt options[] = {
	        {"format", 0, OPT_PARSED, &e->format, "FORMAT",
	         "pprof (default): gzip profile.proto, for `go tool pprof`;\n"
	         "folded: \"outer;inner value\" lines, for flame graphs;\n"
	         "svg: a flame graph, with --base of the difference;\n"
	         "speedscope: for https://www.speedscope.app;\n"
	         "perfetto: life lines and counters, for https://ui.perfetto.dev;\n"
	         "prometheus, openmetrics: metrics as text; json: as `top` and `diff`",
	         parse_format},
	        {"kind", 0, OPT_PARSED, &e->kind, "KIND",
	         "heap (default), threads, timers or fds: how many, by where they were made",
	         parse_kind},
	        {"output", 'o', OPT_TEXT, &e->output, "FILE",
	         "where to; - is stdout. Default: the snapshot's name with .pb.gz, .svg,\n"
	         ".speedscope.json or .trace.json, in the current folder; else stdout",
	         NULL},
	        {"column", 0, OPT_PARSED, &v->out.sort, "COLUMN",
	         "alloc_objects, alloc_space, inuse_objects, inuse_space (default):\n"
	         "the value of folded and svg, and what others show first",
	         view_parse_column},
	        {"sort", 0, OPT_PARSED, &v->out.sort, "COLUMN", "the same", view_parse_column},
	        VIEW_OPT_BASE(v),
	        {"focus", 0, OPT_TEXT, &v->profile.focus, "REGEX",
	         "only stacks with a function, file or module that matches", NULL},
	        {"ignore", 0, OPT_TEXT, &v->profile.ignore, "REGEX", "no stacks with one", NULL},
	        {"hide", 0, OPT_PARSED, &v->profile.hide, "REGEX",
	         "without the frames that match, wherever they stand in a stack", view_parse_regex},
	        {"show-from", 0, OPT_PARSED, &v->profile.show_from, "REGEX",
	         "without the callers of the outermost frame that matches", view_parse_regex},
	        {"raw", 0, OPT_FLAG, &v->profile.raw, NULL,
	         "with allocation wrappers (operator new, xmalloc ...) at the inner end", NULL},
	        RULE_OPTIONS(&e->rules),
	        {0}};
	const struct opt_verb verb = {
	        .verb = "export",
	        .synopsis = "[OPTION]... SNAPSHOT...",
	        .about = "Writes snapshots for other tools, and prints the names of the files.",
	        .examples = "outlive export first.snap second.snap\n"
	                    "go tool pprof -top -sample_index=alloc_space -diff_base first.pb.gz "
	                    "second.pb.gz\n"
	                    "outlive export --format svg --base first.snap second.snap\n"
	                    "outlive export --format prometheus -o /var/lib/node_exporter/x.prom "
	                    "second.snap",
	        .least = 1,
	        .most = INT_MAX,
	        .operands = "name a snapshot",
	        .options = options};

	int status = opt_parse(&verb, argc, argv);
	if (status < 0)
		status = refuse(e, *argc - 1);
	if (status >= 0)
		return status;
	v->profile.sort = v->out.sort;
	v->out.raw = v->profile.raw;
	if (e->kind != N_KINDS) {
		v->out.counted = kind_name[e->kind];
		v->out.sort = INUSE_OBJECTS;
	}
	return -1;
}

int cmd_export(int argc, char **argv)
{
	struct export e = {.format = &formats[0], .kind = N_KINDS, .view.out.sort = INUSE_SPACE};
	int status = parse(&argc, argv, &e);
	struct err err;

	if (status >= 0)
		return status;
	status = EXIT_CLEAN;
	if (e.format->together)
		return export_some(argv + 1, argc - 1, &e, &err) ? view_fail("export", &err)
		                                                 : EXIT_CLEAN;
	for (int i = 1; i < argc; i++)
		if (export_some(argv + i, 1, &e, &err))
			status = view_fail("export", &err);
	return status;
}
