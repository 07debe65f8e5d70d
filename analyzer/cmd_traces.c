/*
 * cmd_traces.c - `outlive traces`: every stack in full, with its figures and threads.
 */
#include "cmd.h"
#include "out_traces.h"
#include "view.h"

static int print_traces(const char *path, const struct view *v, struct err *err)
{
	struct view_set set;
	int rc = view_open(v, v->base, path, &set, err);

	if (!rc && v->json)
		rc = v->base ? out_json_diff(stdout, set.p, &set.out, err)
		             : out_json_top(stdout, set.p, &set.out, err);
	else if (!rc)
		rc = out_text_traces(stdout, set.p, &set.out, err);
	view_close(&set);
	return rc;
}

int cmd_traces(int argc, char **argv)
{
	struct view v = {.out.sort = INUSE_SPACE, .profile.samples = true};
	struct opt options[] = {
	        VIEW_OPTIONS(&v,
	                     "alloc_space, inuse_space (default), alloc_objects or inuse_objects"),
	        VIEW_OPT_BASE(&v),
	        {0}};
	struct opt_verb verb = {
	        .verb = "traces",
	        .synopsis = "[OPTION]... SNAPSHOT",
	        .about = "Prints every stack with all its frames, innermost first, and what it "
	                 "holds, "
	                 "by thread.\n"
	                 "`top` shows the same as a table, shorter.",
	        .examples = "outlive traces outlive.server.4711.2.snap\n"
	                    "outlive traces --focus=cache_put -n 20 outlive.server.4711.2.snap",
	        .least = 1,
	        .most = 1,
	        .operands = "name one snapshot (and an older one by --base)",
	        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	view_ready(&v);
	if (!v.n.given)
		v.out.n = 0;
	return print_traces(argv[1], &v, &err) ? view_fail("traces", &err) : EXIT_CLEAN;
}
