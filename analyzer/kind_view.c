/*
 * kind_view.c - `outlive threads`, `outlive timers`, `outlive fds`: loads one snapshot, or two,
 * groups, prints.
 */
#include "kind_view.h"

#include "kinds_waits.h"
#include "older.h"
#include "out_kinds.h"

enum { MOST_SNAPSHOTS = 4096 };

struct request {
	enum object_kind kind;
	const char *base;
	struct kinds_older older;
	struct older_files files; /* the last is the one to show */
	struct rule_choice rules;
	struct view view;
};

int rule_choice_load(const struct rule_choice *c, struct rules *rules, struct err *err)
{
	*rules = (struct rules){0};
	if (!c->no_builtin)
		rules_add_builtin(rules);
	for (unsigned i = 0; i < c->n_files; i++)
		if (rules_add_file(rules, c->file[i], err))
			return -1;
	return 0;
}

int rule_choice_add_file(const char *value, void *to, struct err *err)
{
	struct rule_choice *c = to;

	if (c->n_files == RULE_FILES)
		return err_set(err, "more than %d files of suppressions", RULE_FILES);
	c->file[c->n_files++] = value;
	return 0;
}

/* Snapshots of former versions do not say since when; then a second one must tell. */
static int can_tell(const struct request *r, const struct snapshot *b, struct err *err)
{
	if (!r->older.least_ns || r->base || r->files.n > 1 || !b->n_waits)
		return 0;
	for (uint32_t i = 0; i < b->n_waits; i++)
		if (b->wait[i].idle_known)
			return 0;
	return err_set(err, "this snapshot does not say since when its threads wait: name an "
	                    "earlier one, too, or --base");
}

static int print(struct request *r, struct err *err)
{
	const char *path = r->files.path[r->files.n - 1];
	const struct view *v = &r->view;
	struct snapshot *a = NULL, *b = NULL;
	struct kinds *k = NULL;
	struct rules rules;
	int rc = -1;

	if (rule_choice_load(&r->rules, &rules, err) || (r->base && view_load(r->base, &a, err)) ||
	    view_load(path, &b, err) || can_tell(r, b, err) ||
	    older_files_compare(&r->files, b, &r->older, err) ||
	    kinds_make(a, b,
	               &(struct kinds_options){.profile = &v->profile,
	                                       .rules = &rules,
	                                       .older = r->older.least_ns ? &r->older : NULL},
	               &k, err))
		goto out;
	rc = v->json ? out_json_kind(stdout, k, r->kind, &v->out, err)
	             : out_text_kind(stdout, k, r->kind, &v->out, err);
out:
	kinds_free(k);
	kinds_older_end(&r->older);
	snapshot_free(a);
	snapshot_free(b);
	rules_free(&rules);
	return rc;
}

static int run(struct request *r, char **path, size_t n)
{
	struct err err;

	int rc = older_files_find(path, n, &r->files, &err);
	if (!rc && r->files.note)
		fprintf(stderr, "outlive %s: %s\n", kind_name[r->kind], r->files.note);
	if (!rc)
		rc = print(r, &err);
	older_files_free(&r->files);
	return rc ? view_fail(kind_name[r->kind], &err) : EXIT_CLEAN;
}

static int parse_older(const char *value, void *to, struct err *err)
{
	if (parse_time(value, to) && *(uint64_t *)to)
		return 0;
	return err_set(err, "--older is a time such as 30s, 10m or 1h, not \"%s\"", value);
}

int kind_view(int argc, char **argv, enum object_kind kind, const char *about, const char *examples)
{
	struct request r = {.kind = kind};
	struct opt options[] = {
	        {"base", 0, OPT_TEXT, &r.base, "A.snap",
	         "an earlier snapshot: what is new or grew since comes first", NULL},
	        VIEW_OPTIONS_PLAIN(&r.view),
	        RULE_OPTIONS(&r.rules),
	        {kind == KIND_THREADS ? "older" : NULL, 0, OPT_PARSED, &r.older.least_ns, "TIME",
	         "only threads that have been in one wait for so long, and are not idle by\n"
	         "a rule; of several snapshots of a run, or a folder: in all of them",
	         parse_older},
	        {0}};
	struct opt_verb verb = {.verb = kind_name[kind],
	                        .synopsis = kind == KIND_THREADS ? "[OPTION]... SNAPSHOT..."
	                                                         : "[OPTION]... SNAPSHOT",
	                        .about = about,
	                        .examples = examples,
	                        .least = 1,
	                        .most = kind == KIND_THREADS ? MOST_SNAPSHOTS : 1,
	                        .operands = "name one snapshot, the earlier one behind --base",
	                        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	if (argc > 2 && !r.older.least_ns) {
		err_set(&err, "several snapshots want --older TIME: who has waited in all of them");
		view_fail(kind_name[kind], &err);
		return EXIT_USAGE;
	}
	view_ready(&r.view);
	return run(&r, argv + 1, (size_t)argc - 1);
}
