/*
 * cmd_check.c - `outlive check`: the gate, over snapshots that are there.
 */
#include "check_view.h"
#include "cmd.h"
#include "folder.h"

/* Of each image its last snapshot; with a base, or where growth is asked for, against the first. */
static int check_image(struct findings *f, const struct check *c, const char *base,
                       const struct folder_image *image, struct err *err)
{
	struct snapshot *a = NULL, *b = NULL;
	int rc = load_snapshot(image->last, &b, err);

	if (!base && c->gates.growth && image->n > 1)
		base = image->first;
	if (!rc && base)
		rc = load_snapshot(base, &a, err);
	if (!rc && c->gates.growth && !base) {
		struct str text = {0};
		str_addf(&text, "no growth to be seen of pid %llu: there is no earlier snapshot",
		         (unsigned long long)image->pid);
		findings_note(f, true, text.data);
		str_free(&text);
	}
	if (!rc)
		rc = check_snapshot(f, c, a, b, err);
	snapshot_free(a);
	snapshot_free(b);
	return rc;
}

static int check(const char *const *path, size_t n, const char *base,
                 const struct check_choice *choice, struct err *err)
{
	struct folder_images images = {0};
	struct findings f = {0};
	struct rules rules;
	struct check c = {.gates = choice->gates};
	int status = EXIT_UNREADABLE;

	if (rule_choice_load(&choice->rules, &rules, err) || folder_images(path, n, &images, err))
		goto out;
	if (!images.n) {
		err_set(err, "%s: there is no snapshot", path[0]);
		goto out;
	}
	c.rules = check_rules_new(&rules);
	for (size_t i = 0; i < images.n; i++)
		if (check_image(&f, &c, base, &images.at[i], err))
			goto out;
	if (check_finish(&f, choice, err))
		goto out;
	status = check_status(&f, choice);
	if (check_report(stdout, &f, choice, &rules, NULL, status, err))
		status = EXIT_UNREADABLE;
	else
		*err->text = 0;
out:
	findings_free(&f);
	folder_images_free(&images);
	check_rules_free(c.rules);
	rules_free(&rules);
	return status;
}

int cmd_check(int argc, char **argv)
{
	struct check_choice choice;
	const char *base = NULL;
	struct opt options[] = {
	        {"base", 0, OPT_TEXT, &base, "A.snap",
	         "an earlier snapshot: what has grown since is a finding", NULL},
	        CHECK_OPTIONS(&choice),
	        {"json", 0, OPT_FLAG, &choice.json, NULL, "JSON in place of the text", NULL},
	        {0}};
	struct opt_verb verb = {
	        .verb = "check",
	        .synopsis = "[OPTION]... SNAPSHOT|FOLDER...",
	        .about = "Fails when a process has left something behind: threads, timers, "
	                 "descriptors that were\n"
	                 "never given back, and what the options ask of the heap. Of each process "
	                 "its last snapshot\n"
	                 "counts. Exit status: 0 clean, 1 findings, 4 no verdict, 3 a file that "
	                 "cannot be read.",
	        .examples = "outlive check outlive.server.4711.2.snap\n"
	                    "outlive check --heap=growth --base outlive.server.4711.1.snap "
	                    "outlive.server.4711.2.snap\n"
	                    "outlive check --suppressions lsan.supp snapshots/\n"
	                    "outlive check --report sarif:outlive.sarif --report junit:outlive.xml "
	                    "snapshots/",
	        .least = 1,
	        .most = 1000000,
	        .operands = "name a snapshot, or a folder of them",
	        .options = options};
	struct err err = {""};

	check_choice_default(&choice);
	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	if (base && !choice.gates.growth)
		choice.gates.growth = UINT32_MAX;
	if (check_choice_ready(&choice, stdout, &err)) {
		view_fail("check", &err);
		return EXIT_USAGE;
	}
	status = check((const char *const *)argv + 1, (size_t)argc - 1, base, &choice, &err);
	if (status == EXIT_UNREADABLE && *err.text)
		view_fail("check", &err);
	return status;
}
