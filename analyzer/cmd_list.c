/*
 * cmd_list.c - `outlive list`: source text with what was allocated in each line.
 */
#include "cmd.h"
#include "out_list.h"
#include "view.h"

enum { FUNCTIONS = 5 };

struct list {
	struct view view;
	const char *source_path;
};

static int print_list(const char *regex, const char *path, const struct list *c, struct err *err)
{
	const struct view *v = &c->view;
	struct view_set set;
	int rc = view_open(v, v->base, path, &set, err);

	if (!rc && sums_pick(set.sums, regex, err) < 0)
		rc = -1;
	if (!rc) {
		struct listing_options o = {.n = v->out.n,
		                            .source_path = c->source_path,
		                            .sort = v->out.sort,
		                            .churn = v->out.churn,
		                            .raw = v->profile.raw};
		struct listings *l = listings_make(set.sums, &o);
		rc = v->json ? out_json_list(stdout, l, &set.out, err)
		             : out_text_list(stdout, l, &set.out, err);
		listings_free(l);
	}
	view_close(&set);
	return rc;
}

int cmd_list(int argc, char **argv)
{
	struct list c = {.view = {.out.sort = INUSE_SPACE, .out.by = SUM_FUNCTION, .lines = true}};
	struct view *v = &c.view;
	struct opt options[] = {
	        VIEW_OPTIONS(v, "alloc_space, inuse_space (default), alloc_objects or "
	                        "inuse_objects: what the\nfigures are; --wide shows all four"),
	        {"source-path", 0, OPT_TEXT, &c.source_path, "DIRS",
	         "folders, joined by ':', with the source, or parts of its tree", NULL},
	        VIEW_OPT_CUM(v),
	        VIEW_OPT_BASE(v),
	        {0}};
	struct opt_verb verb = {
	        .verb = "list",
	        .synopsis = "[OPTION]... [REGEX] SNAPSHOT",
	        .about =
	                "Shows the source of functions whose name or file matches, with what was "
	                "allocated in each\n"
	                "line (flat), and in the line and all that it calls (cum). Functions that "
	                "the compiler inlined\n"
	                "stand below the line. Without REGEX: of the functions that hold the most.",
	        .examples = "outlive list '^cache_put$' outlive.server.4711.2.snap\n"
	                    "outlive list --base outlive.server.4711.1.snap cache "
	                    "outlive.server.4711.2.snap\n"
	                    "outlive list --source-path ~/src/server:/usr/src handle_ "
	                    "outlive.server.4711.2.snap",
	        .least = 1,
	        .most = 2,
	        .operands = "name a function and a snapshot (an older one by --base)",
	        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	if (argc == 3 && view_parse_regex(argv[1], &(const char *){0}, &err)) {
		view_fail("list", &err);
		return EXIT_USAGE;
	}
	view_ready(v);
	if (!v->n.given && !v->json)
		v->out.n = FUNCTIONS;
	return print_list(argc == 3 ? argv[1] : NULL, argv[argc - 1], &c, &err)
	               ? view_fail("list", &err)
	               : EXIT_CLEAN;
}
