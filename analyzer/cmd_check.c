/*
 * cmd_check.c - `outlive check`: the gate, over snapshots that are there.
 */
#include "check_view.h"
#include "cmd.h"
#include "lsan_options.h"

#include <stdlib.h>

static int check(const char *const *path, size_t n, const char *base,
                 const struct check_choice *choice, struct err *err)
{
	struct folder_images images = {0};
	struct findings f = {0};
	struct rules rules;
	struct check c = {.gates = choice->gates, .builtin = !choice->rules.no_builtin};
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
	lsan_options_read(getenv("LSAN_OPTIONS"), &choice);
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
