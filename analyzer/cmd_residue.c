/*
 * cmd_residue.c - `outlive residue`: what a process has left behind.
 */
#include "cmd.h"
#include "kind_view.h"
#include "notes.h"
#include "residue.h"

enum { ROWS = 5 };

static int print(const char *path, const struct rule_choice *choice, const struct view *v,
                 struct err *err)
{
	struct snapshot *s = NULL;
	struct residue *r = NULL;
	struct rules rules;
	int rc = -1;

	if (rule_choice_load(choice, &rules, err) || view_load(path, &s, err) ||
	    residue_make(s, &rules, &v->profile, &r, err))
		goto out;
	if (v->json) {
		rc = out_json_residue(stdout, r, &v->out, err);
		goto out;
	}
	struct page page = {.file = stdout, .width = v->out.width, .color = v->out.color};
	notes_moment(&page, s);
	if (!page_end(&page, err))
		rc = out_text_residue(stdout, r, path, &v->out, err);
out:
	residue_free(r);
	snapshot_free(s);
	rules_free(&rules);
	return rc;
}

int cmd_residue(int argc, char **argv)
{
	struct view v = {.out.sort = INUSE_SPACE};
	struct rule_choice rules = {0};
	struct opt options[] = {VIEW_OPTIONS_PLAIN(&v), RULE_OPTIONS(&rules), {0}};
	struct opt_verb verb = {
	        .verb = "residue",
	        .synopsis = "[OPTION]... SNAPSHOT",
	        .about =
	                "What a process has left behind: threads, timers and descriptors that were "
	                "never given back,\n"
	                "and the heap that is still in use, which may well be meant. What "
	                "libraries "
	                "keep on purpose is\n"
	                "left out (`outlive rules`). Five rows a table; -n N for more.",
	        .examples = "outlive residue outlive.server.4711.2.snap\n"
	                    "outlive residue --json outlive.server.4711.2.snap | jq .findings",
	        .least = 1,
	        .most = 1,
	        .operands = "name one snapshot",
	        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	view_ready(&v);
	if (!v.n.given && !v.json)
		v.out.n = ROWS;
	return print(argv[1], &rules, &v, &err) ? view_fail("residue", &err) : EXIT_CLEAN;
}
