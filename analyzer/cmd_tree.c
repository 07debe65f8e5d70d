/*
 * cmd_tree.c - `outlive tree`: functions with their callers and callees, both ways at once.
 */
#include "cmd.h"
#include "out_sums.h"
#include "view.h"

static int print_tree(const char *path, const char *peek, const struct view *v, struct err *err)
{
	struct view_set set;
	int rc = view_open(v, v->base, path, &set, err);

	if (!rc && sums_pick(set.sums, peek, err) < 0)
		rc = -1;
	if (!rc)
		rc = v->json ? out_json_tree(stdout, set.sums, &set.out, err)
		             : out_text_tree(stdout, set.sums, &set.out, err);
	view_close(&set);
	return rc;
}

int cmd_tree(int argc, char **argv)
{
	struct view v = {.out.sort = INUSE_SPACE, .out.by = SUM_FUNCTION, .edges = true};
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
