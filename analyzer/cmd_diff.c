/*
 * cmd_diff.c - `outlive diff`: ranks what grew between two snapshots, or between the first and the
 * last of a process.
 */
#include "cmd.h"
#include "folder.h"
#include "kinds.h"
#include "live.h"
#include "out_sums.h"
#include "view.h"

#include <stdlib.h>
#include <sys/stat.h>

static int print_diff(const char *path_a, const char *path_b, const struct view *v, struct err *err)
{
	struct rules rules = {0};
	struct kinds_options kinds = {.profile = &v->profile, .rules = &rules};
	struct view_set set;
	int rc = view_open(v, path_a, path_b, &set, err);

	rules_add_builtin(&rules);
	if (!rc && set.sums)
		rc = v->json ? out_json_sums(stdout, set.sums, &set.out, err)
		             : out_text_sums(stdout, set.sums, &set.out, err);
	else if (!rc && !(rc = kinds_make(set.a, set.b, &kinds, &set.out.kinds, err)))
		rc = v->json ? out_json_diff(stdout, set.p, &set.out, err)
		             : out_text_diff(stdout, set.p, &set.out, err);
	kinds_free(set.out.kinds);
	rules_free(&rules);
	view_close(&set);
	return rc;
}

static int diff_folder(const char *path, uint64_t pid, const struct view *v, struct err *err)
{
	struct folder_choice choice;

	if (folder_choose(path, pid, &choice, err))
		return -1;
	if (choice.note) {
		print_safe(stderr, choice.note);
		fputc('\n', stderr);
	}
	int rc = print_diff(choice.first, choice.last, v, err);
	folder_choice_free(&choice);
	return rc;
}

/* What is compared: two files, a folder, or a live process. */
struct subject {
	struct opt_count pid, live;
	uint64_t pause_ns;
};

static int parse_pause(const char *value, void *to, struct err *err)
{
	if (parse_time(value, to))
		return 0;
	return err_set(err, "--for is a time such as 30s, 2m or 1h, not \"%s\"", value);
}

/* The files stay: for `list`, or to compare again. */
static int diff_live(const struct subject *s, const struct view *v, struct err *err)
{
	struct ask ask = {.label = "", .timeout_ns = UINT64_C(30000000000)};
	char *a = NULL, *b = NULL;
	int rc = -1;

	if (s->live.value < 1 || s->live.value > INT32_MAX)
		return err_set(err, "--live %llu is not a pid", (unsigned long long)s->live.value);
	if (!live_pair((pid_t)s->live.value, s->pause_ns, &ask, &a, &b, err)) {
		fprintf(stderr, "A: %s\nB: %s\n", a, b);
		rc = print_diff(a, b, v, err);
	} else if (a) {
		fprintf(stderr, "A: %s\n", a);
	}
	free(a);
	free(b);
	return rc;
}

static int diff(int argc, char **argv, const struct subject *s, const struct view *v,
                struct err *err)
{
	struct stat st;

	if (s->live.given)
		return diff_live(s, v, err);
	if (argc == 3)
		return print_diff(argv[1], argv[2], v, err);
	if (!stat(argv[1], &st) && !S_ISDIR(st.st_mode))
		return err_set(err, "%s: a diff needs a second snapshot, or a folder", argv[1]);
	return diff_folder(argv[1], s->pid.given ? s->pid.value : 0, v, err);
}

int cmd_diff(int argc, char **argv)
{
	bool noise = false;
	struct view v = {.out.sort = ALLOC_SPACE};
	struct subject subject = {.pause_ns = UINT64_C(60000000000)};
	struct opt options[] = {
	        VIEW_OPTIONS(&v, "alloc_space (default), inuse_space, alloc_objects or "
	                         "inuse_objects: its growth"),
	        VIEW_OPT_BY(&v),
	        VIEW_OPT_NOISE(&noise),
	        {"churn", 0, OPT_FLAG, &v.out.churn, NULL,
	         "also the stacks that gave back all they took, or hold it for requests in flight",
	         NULL},
	        {"pid", 0, OPT_COUNT, &subject.pid, "PID",
	         "of a folder: the process whose snapshots to compare", NULL},
	        {"live", 0, OPT_COUNT, &subject.live, "PID",
	         "takes both snapshots itself, of a live process, with a pause between them", NULL},
	        {"for", 0, OPT_PARSED, &subject.pause_ns, "TIME",
	         "with --live: the pause (default 1m; 30s, 2m, 1h); Ctrl-C ends it early",
	         parse_pause},
	        {0}};
	struct opt_verb verb = {
	        .verb = "diff",
	        .synopsis = "[OPTION]... A.snap B.snap | FOLDER | --live PID",
	        .about = "Ranks the call stacks by what they allocated between snapshot A and the "
	                 "later B and did not\n"
	                 "give back. With a folder: between the first and the last snapshot of a "
	                 "process. A and B may be\n"
	                 "of two runs or of two builds: stacks match by build id and offset, else "
	                 "by function names.",
	        .examples = "outlive diff outlive.server.4711.1.snap outlive.server.4711.2.snap\n"
	                    "outlive diff --sort=inuse_space -n 3 /var/tmp/snapshots\n"
	                    "outlive diff --live 4711 --for 2m\n"
	                    "outlive diff --json A.snap B.snap | jq '.rows[0]'",
	        .least = 0,
	        .most = 2,
	        .operands = "name two snapshots, the older one first, or a folder",
	        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	if (subject.live.given ? argc > 1 : argc < 2) {
		fprintf(stderr, "outlive diff: %s (outlive diff --help)\n",
		        argc > 1 ? "--live takes its snapshots itself; name no file"
		                 : verb.operands);
		return EXIT_USAGE;
	}
	v.profile.fold_noise = !noise;
	view_ready(&v);
	return diff(argc, argv, &subject, &v, &err) ? view_fail("diff", &err) : EXIT_CLEAN;
}
