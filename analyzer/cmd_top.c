/*
 * cmd_top.c - `outlive top`: ranks what one snapshot holds.
 */
#include "cmd.h"
#include "out_sums.h"
#include "view.h"

static int print_top(const char *path, const struct view *v, struct err *err)
{
	struct view_set set;
	int rc = view_open(v, NULL, path, &set, err);

	if (!rc && set.sums)
		rc = v->json ? out_json_sums(stdout, set.sums, &set.out, err)
		             : out_text_sums(stdout, set.sums, &set.out, err);
	else if (!rc)
		rc = v->json ? out_json_top(stdout, set.p, &set.out, err)
		             : out_text_top(stdout, set.p, &set.out, err);
	view_close(&set);
	return rc;
}

int cmd_top(int argc, char **argv)
{
	bool noise = false;
	struct view v = {.out.sort = INUSE_SPACE};
	struct opt options[] = {
	        VIEW_OPTIONS(&v,
	                     "alloc_space, inuse_space (default), alloc_objects or inuse_objects"),
	        VIEW_OPT_BY(&v),
	        VIEW_OPT_NOISE(&noise),
	        {0}};
	struct opt_verb verb = {
	        .verb = "top",
	        .synopsis = "[OPTION]... SNAPSHOT",
	        .about = "Ranks the call stacks of one snapshot by what they hold (inuse) or ever "
	                 "allocated (alloc).",
	        .examples = "outlive top outlive.server.4711.2.snap\n"
	                    "outlive top --sort=alloc_space -n 20 --ignore=libpython "
	                    "outlive.server.4711.2.snap\n"
	                    "outlive top --by=function --cum outlive.server.4711.2.snap\n"
	                    "outlive top --json outlive.server.4711.2.snap | jq .totals",
	        .least = 1,
	        .most = 1,
	        .operands = "name one snapshot; for two there is `outlive diff`",
	        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	v.profile.fold_noise = !noise;
	view_ready(&v);
	return print_top(argv[1], &v, &err) ? view_fail("top", &err) : EXIT_CLEAN;
}
