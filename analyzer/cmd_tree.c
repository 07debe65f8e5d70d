/*
 * cmd_tree.c - `outlive tree`: functions with their callers and callees, both ways at once.
 */
#include "cmd.h"
#include "out_sums.h"
#include "view.h"

static int print_tree(const char *path, const char *peek, const struct view *v, struct err *err)
{
	struct out_options out = v->out;
	struct hints hints = {0};
	struct view_set set;
	struct sums *g = NULL;
	int rc = -1;

	if (view_open(v, v->base, path, &set, err))
		goto out;
	view_hints(v, &set, false, &hints);
	out.hints = &hints;
	g = view_sums(v, &set, true);
	if (sums_pick(g, peek, err) < 0)
		goto out;
	rc = v->json ? out_json_tree(stdout, g, &out, err) : out_text_tree(stdout, g, &out, err);
out:
	sums_free(g);
	hints_free(&hints);
	view_close(&set);
	return rc;
}

int cmd_tree(int argc, char **argv)
{
	struct view v = {.out.sort = INUSE_SPACE, .out.by = SUM_FUNCTION};
	const char *peek = NULL;
	struct opt options[] = {
	        VIEW_OPTIONS(&v,
	                     "alloc_space, inuse_space (default), alloc_objects or inuse_objects"),
	        {"peek", 0, OPT_PARSED, &peek, "REGEX",
	         "only functions whose name or file matches, with all that is around them",
	         view_parse_regex},
	        VIEW_OPT_CUM(&v),
	        VIEW_OPT_BASE(&v),
	        {0}};
	struct opt_verb verb = {
	        .verb = "tree",
	        .synopsis = "[OPTION]... SNAPSHOT",
	        .about =
	                "Shows each function with its callers above it and its callees below: flat "
	                "is what was\n"
	                "allocated in it, cum what was allocated in it and in all that it calls.",
	        .examples = "outlive tree --cum outlive.server.4711.2.snap\n"
	                    "outlive tree --peek '^handle_' outlive.server.4711.2.snap",
	        .least = 1,
	        .most = 1,
	        .operands = "name one snapshot (and an older one by --base)",
	        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	view_ready(&v);
	return print_tree(argv[1], peek, &v, &err) ? view_fail("tree", &err) : EXIT_CLEAN;
}
