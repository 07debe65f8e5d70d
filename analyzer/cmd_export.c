/*
 * cmd_export.c - `outlive export`: snapshots as files for other tools: pprof's profile.proto,
 * folded stacks.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "kinds.h"
#include "view.h"
#include "write_file.h"

struct export
{
	bool folded;
	int kind;           /* enum object_kind, or N_KINDS: the heap */
	const char *output; /* NULL: by the snapshot's name, or stdout */
	struct view view;
};

static int parse_format(const char *value, void *to, struct err *err)
{
	bool *folded = to;

	*folded = !strcmp(value, "folded");
	if (*folded || !strcmp(value, "pprof"))
		return 0;
	return err_set(err, "--format is pprof or folded, not \"%s\"", value);
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

struct exported {
	const struct profile *p;
	const struct export *e;
};

static int write_to(FILE *f, void *ctx, struct err *err)
{
	const struct profile *p = ((struct exported *)ctx)->p;
	const struct export *e = ((struct exported *)ctx)->e;

	return e->folded ? out_folded(f, p, &e->view.out, err) : out_pprof(f, p, &e->view.out, err);
}

static int write_stdout(const struct profile *p, const struct export *e, struct err *err)
{
	if (!e->folded && isatty(STDOUT_FILENO))
		return err_set(err, "a pprof file is not for a terminal: -o FILE, or pipe it");
	return write_to(stdout, &(struct exported){p, e}, err);
}

/* outlive.redis-server.17.1.snap -> outlive.redis-server.17.1.pb.gz, here; of another kind than the
 * heap with its name before the end. To be freed. */
static char *default_name(const char *snapshot, int kind)
{
	const char *slash = strrchr(snapshot, '/');
	const char *base = slash ? slash + 1 : snapshot;
	size_t n = strlen(base);

	if (n > 5 && !strcmp(base + n - 5, ".snap"))
		n -= 5;
	if (kind != N_KINDS)
		return xasprintf("%.*s.%s.pb.gz", (int)n, base, kind_name[kind]);
	return xasprintf("%.*s.pb.gz", (int)n, base);
}

static int write_profile(const char *snapshot, const struct profile *p, const struct export *e,
                         struct err *err)
{
	if (e->output ? !strcmp(e->output, "-") : e->folded)
		return write_stdout(p, e, err);
	char *path = e->output ? xstrdup(e->output) : default_name(snapshot, e->kind);
	int result = write_file(path, write_to, &(struct exported){p, e}, err);
	if (!result)
		printf("%s\n", path);
	free(path);
	return result;
}

static int export_one(const char *path, const struct export *e, struct err *err)
{
	struct snapshot *snap = NULL;
	struct profile *profile = NULL;
	struct kinds *kinds = NULL;
	int result = -1;

	if (view_load(path, &snap, err))
		return -1;
	if (e->kind == N_KINDS) {
		result = profile_top(snap, &e->view.profile, &profile, err);
	} else {
		struct kinds_options o = {.profile = &e->view.profile};
		result = kinds_make(NULL, snap, &o, &kinds, err);
		if (!result)
			profile = kinds_profile(kinds, (enum object_kind)e->kind);
	}
	if (!result)
		result = write_profile(path, profile, e, err);
	profile_free(profile);
	kinds_free(kinds);
	snapshot_free(snap);
	return result;
}

/* Options up to the operands. -1: go on; else an exit status. */
static int parse(int *argc, char **argv, struct export *e)
{
	struct view *v = &e->view;
	const struct opt options[] = {
	        {"format", 0, OPT_PARSED, &e->folded, "FORMAT",
	         "pprof (default): gzip profile.proto, for `go tool pprof`;\n"
	         "folded: \"outer;inner value\" lines, for flame graphs",
	         parse_format},
	        {"kind", 0, OPT_PARSED, &e->kind, "KIND",
	         "heap (default), threads, timers or fds: how many, by where they were made",
	         parse_kind},
	        {"output", 'o', OPT_TEXT, &e->output, "FILE",
	         "where to; - is stdout. Default: for pprof the snapshot's name with .pb.gz,\n"
	         "in the current folder; for folded stdout",
	         NULL},
	        {"column", 0, OPT_PARSED, &v->out.sort, "COLUMN",
	         "alloc_objects, alloc_space, inuse_objects, inuse_space (default):\n"
	         "the value of folded, and what pprof shows first",
	         view_parse_column},
	        {"sort", 0, OPT_PARSED, &v->out.sort, "COLUMN", "the same", view_parse_column},
	        {"focus", 0, OPT_TEXT, &v->profile.focus, "REGEX",
	         "only stacks with a function, file or module that matches", NULL},
	        {"ignore", 0, OPT_TEXT, &v->profile.ignore, "REGEX", "no stacks with one", NULL},
	        {"hide", 0, OPT_PARSED, &v->profile.hide, "REGEX",
	         "without the frames that match, wherever they stand in a stack", view_parse_regex},
	        {"show-from", 0, OPT_PARSED, &v->profile.show_from, "REGEX",
	         "without the callers of the outermost frame that matches", view_parse_regex},
	        {"raw", 0, OPT_FLAG, &v->profile.raw, NULL,
	         "with allocation wrappers (operator new, xmalloc ...) at the inner end", NULL},
	        {0}};
	const struct opt_verb verb = {
	        .verb = "export",
	        .synopsis = "[OPTION]... SNAPSHOT...",
	        .about = "Writes snapshots for other tools, and prints the names of the files.",
	        .examples =
	                "outlive export first.snap second.snap\n"
	                "go tool pprof -top -sample_index=alloc_space -diff_base first.pb.gz "
	                "second.pb.gz\n"
	                "outlive export --format folded second.snap | flamegraph.pl > second.svg",
	        .least = 1,
	        .most = INT_MAX,
	        .operands = "name a snapshot",
	        .options = options};

	int status = opt_parse(&verb, argc, argv);
	if (status >= 0)
		return status;
	if (e->output && *argc > 2 && strcmp(e->output, "-")) {
		fputs("outlive export: -o names one file, for one snapshot\n", stderr);
		return EXIT_USAGE;
	}
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
	struct export e = {.kind = N_KINDS, .view.out.sort = INUSE_SPACE};
	int status = parse(&argc, argv, &e);

	if (status >= 0)
		return status;
	status = EXIT_CLEAN;
	for (int i = 1; i < argc; i++) {
		struct err err;
		if (export_one(argv[i], &e, &err))
			status = view_fail("export", &err);
	}
	return status;
}
