/*
 * cmd_snapshot.c - `outlive snapshot PID...`: one more snapshot of live processes, now.
 *
 * Prints each file's absolute path on a line of its own, the last thing on stdout.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cmd.h"
#include "reach.h"
#include "view.h"

static int parse_timeout(const char *value, void *to, struct err *err)
{
	if (parse_time(value, to))
		return 0;
	return err_set(err, "--timeout is a time such as 500ms, 30s or 2m, not \"%s\"", value);
}

/* What resident memory became: other threads may have taken or given some meanwhile. */
static void print_trim(const struct ask *a)
{
	char before[32], after[32], less[32];

	if (a->trim_missed) {
		printf("trim: not done: the process made no heap call meanwhile, and only there it "
		       "is safe; the snapshot is without\n");
		return;
	}
	if (!a->rss_before) {
		printf("trim: not done: outlive knows no way to ask this process's allocator\n");
		return;
	}
	human_bytes(before, (int64_t)a->rss_before);
	human_bytes(after, (int64_t)a->rss_after);
	if (a->rss_after < a->rss_before)
		printf("trim: %s given back (%s resident before, %s after)\n",
		       human_bytes(less, (int64_t)(a->rss_before - a->rss_after)), before, after);
	else
		printf("trim: nothing given back (%s resident before, %s after)\n", before, after);
}

/* What was found, or why nothing could be: then there is no verdict. */
static int print_reach(const char *path)
{
	struct page page = {.file = stdout};
	struct reach sum = {.owner = 0};
	struct snapshot *s;
	struct err err = {{0}};

	if (load_snapshot(path, &s, &err))
		return view_fail("snapshot", &err);
	for (uint32_t i = 0; i < s->n_samples; i++)
		if (s->sample[i].reach)
			reach_sum(&sum, s->sample[i].reach);
	uint64_t scan = snapshot_scan(s);

	if (scan)
		reach_heading(&page, s, &sum);
	else
		printf("reach: no verdict: this liboutlive.so cannot tell\n");
	snapshot_free(s);
	return scan == FMT_SCAN_DONE ? EXIT_CLEAN : EXIT_NO_VERDICT;
}

/* Its exit status. */
static int snapshot_one(const char *word, struct ask *a)
{
	struct err err = {{0}};
	char *end, *path = NULL;
	long pid = strtol(word, &end, 10);

	if (*end || end == word || pid < 1 || pid > INT32_MAX) {
		err_set(&err, "\"%s\" is not a pid", word);
		view_fail("snapshot", &err);
		return EXIT_USAGE;
	}
	if (ask_snapshot((pid_t)pid, a, &path, &err))
		return view_fail("snapshot", &err);
	if (a->trim)
		print_trim(a);
	int status = a->reach ? print_reach(path) : EXIT_CLEAN;

	print_path_line(stdout, path);
	fflush(stdout);
	free(path);
	return status;
}

int cmd_snapshot(int argc, char **argv)
{
	struct ask a = {.label = "", .timeout_ns = 0};
	const struct opt options[] = {
	        {"label", 0, OPT_TEXT, &a.label, "TEXT",
	         "kept in the snapshot: \"before the load\"", NULL},
	        {"trim", 0, OPT_FLAG, &a.trim, NULL,
	         "first the allocator gives back what it caches for later "
	         "(malloc_trim, jemalloc's\npurge), and what that released "
	         "is said: so memory that is cached is told from\nmemory "
	         "that is held; done in the process's next heap call",
	         NULL},
	        {"reach", 0, OPT_FLAG, &a.reach, NULL,
	         "find out which blocks the process can still reach, and "
	         "which are lost: it\nstands still for some 30 ms a GB while "
	         "it is copied, and the copy marks;\nexit status 4: no verdict",
	         NULL},
	        {"timeout", 0, OPT_PARSED, &a.timeout_ns, "TIME",
	         "how long to wait for the file (default 30s, with --reach 150s)", parse_timeout},
	        {0}};
	const struct opt_verb verb = {
	        .verb = "snapshot",
	        .synopsis = "[OPTION]... PID...",
	        .about = "Asks each process, which must run with liboutlive.so, for one more "
	                 "snapshot, now.\n"
	                 "Prints the absolute path of each new file on a line of its own.",
	        .examples = "outlive snapshot 4711\n"
	                    "outlive snapshot --trim 4711\n"
	                    "outlive snapshot --label \"after the load\" $(pidof server)",
	        .least = 1,
	        .most = INT_MAX,
	        .operands = "name the pid of a process",
	        .options = options};

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	/* The copy that marks is the last to get the processor. */
	if (!a.timeout_ns)
		a.timeout_ns = UINT64_C(1000000000) * (a.reach ? 150 : 30);
	status = EXIT_CLEAN;
	for (int i = 1; i < argc; i++) {
		int one = snapshot_one(argv[i], &a);
		status = status ? status : one;
	}
	return status;
}
