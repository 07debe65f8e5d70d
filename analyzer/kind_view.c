/*
 * kind_view.c - `outlive threads`, `outlive timers`, `outlive fds`: loads one snapshot, or two,
 * groups, prints.
 */
#include "kind_view.h"

#include "out_kinds.h"

struct request {
	enum object_kind kind;
	const char *base;
	uint64_t older_ns;
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

static int print(const char *path, const struct request *r, struct err *err)
{
	const struct view *v = &r->view;
	struct snapshot *a = NULL, *b = NULL;
	struct kinds *k = NULL;
	struct rules rules;
	int rc = -1;

	if (rule_choice_load(&r->rules, &rules, err) || (r->base && view_load(r->base, &a, err)) ||
	    view_load(path, &b, err) ||
	    kinds_make(a, b,
	               &(struct kinds_options){
	                       .profile = &v->profile, .rules = &rules, .older_ns = r->older_ns},
	               &k, err))
		goto out;
	rc = v->json ? out_json_kind(stdout, k, r->kind, &v->out, err)
	             : out_text_kind(stdout, k, r->kind, &v->out, err);
out:
	kinds_free(k);
	snapshot_free(a);
	snapshot_free(b);
	rules_free(&rules);
	return rc;
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
	        {kind == KIND_THREADS ? "older" : NULL, 0, OPT_PARSED, &r.older_ns, "TIME",
	         "with --base: only threads that have been in one wait for so long, "
	         "at least",
	         parse_older},
	        {0}};
	struct opt_verb verb = {.verb = kind_name[kind],
	                        .synopsis = "[OPTION]... SNAPSHOT",
	                        .about = about,
	                        .examples = examples,
	                        .least = 1,
	                        .most = 1,
	                        .operands = "name one snapshot, the earlier one behind --base",
	                        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	if (r.older_ns && !r.base) {
		err_set(&err, "--older wants --base: how long is known from two snapshots");
		view_fail(kind_name[kind], &err);
		return EXIT_USAGE;
	}
	view_ready(&r.view);
	return print(argv[1], &r, &err) ? view_fail(kind_name[kind], &err) : EXIT_CLEAN;
}
