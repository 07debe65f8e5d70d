/*
 * cmd_stacks.c - `outlive stacks PID`: what every thread of a live process does now.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "kind_view.h"
#include "live_stacks.h"
#include "out_stacks.h"
#include "view.h"

struct stacks_options {
	struct view view;
	struct live_options live;
	struct rule_choice rules;
	struct rules loaded; /* by them */
	unsigned debug;      /* Go's forms: 1, 2; 0 ours */
	bool check;
};

static int parse_debug(const char *value, void *to, struct err *err)
{
	if (strcmp(value, "1") && strcmp(value, "2"))
		return err_set(err, "--debug is 1 (groups) or 2 (each thread), not \"%s\"", value);
	*(unsigned *)to = (unsigned)(*value - '0');
	return 0;
}

static int write_out(const struct stacks_options *o, const struct live_stacks *l, struct err *err)
{
	if (o->view.json)
		return out_stacks_json(stdout, l, err);
	if (o->debug == 1)
		return out_stacks_groups(stdout, l, err);
	if (o->debug == 2)
		return out_stacks_threads(stdout, l, err);
	return out_stacks_text(stdout, l, &o->view.out, err);
}

/* The verdict: deadlocks, none, or that it is not known what some thread waits for. */
static int judge(const struct live_stacks *l)
{
	if (l->n_deadlocks)
		return EXIT_FINDINGS;
	for (uint32_t i = 0; i < l->n_threads; i++)
		if (l->thread[i].wait.kind == WAIT_UNKNOWN)
			return EXIT_NO_VERDICT;
	return EXIT_CLEAN;
}

static int stacks_of(const char *word, struct stacks_options *o)
{
	struct live_stacks *l;
	struct err err = {{0}};
	char *end;
	long pid = strtol(word, &end, 10);

	if (*end || end == word || pid < 1 || pid > INT32_MAX) {
		err_set(&err, "\"%s\" is not a pid", word);
		view_fail("stacks", &err);
		return EXIT_USAGE;
	}
	o->live.rules = &o->loaded;
	if (rule_choice_load(&o->rules, &o->loaded, &err) ||
	    live_stacks_take((pid_t)pid, &o->live, &l, &err)) {
		rules_free(&o->loaded);
		return view_fail("stacks", &err);
	}
	int status = EXIT_CLEAN;
	if (write_out(o, l, &err))
		status = view_fail("stacks", &err);
	else if (o->check)
		status = judge(l);
	live_stacks_free(l);
	rules_free(&o->loaded);
	return status;
}

int cmd_stacks(int argc, char **argv)
{
	struct stacks_options o = {0};
	const struct opt options[] = {
	        VIEW_OPT_JSON(&o.view),
	        {"debug", 0, OPT_PARSED, &o.debug, "1|2",
	         "in the form of Go's /debug/pprof/goroutine?debug=1 (groups; `go tool pprof`\n"
	         "reads it) or 2 (each thread under a line \"thread 12 [mutex, 3 minutes]:\")",
	         parse_debug},
	        {"check", 0, OPT_FLAG, &o.check, NULL, "exit status 1 when threads are deadlocked",
	         NULL},
	        {"no-stop", 0, OPT_FLAG, &o.live.no_stop, NULL,
	         "stop no thread for a moment: those that run, and callers that only their\n"
	         "registers lead to, are missing then",
	         NULL},
	        {"no-names", 0, OPT_FLAG, &o.live.no_names, NULL, "addresses only, at once", NULL},
	        {"no-created", 0, OPT_FLAG, &o.live.no_made, NULL,
	         "do not look up who created the threads, in the tables of liboutlive.so", NULL},
	        RULE_OPTIONS(&o.rules),
	        {"rows", 'n', OPT_COUNT, &o.view.n, "N", "groups at most; 0: all (default)", NULL},
	        VIEW_OPT_WIDE(&o.view, "whole paths, all threads of a group"),
	        VIEW_OPT_COLOR(&o.view),
	        {0}};
	const struct opt_verb verb = {
	        .verb = "stacks",
	        .synopsis = "[OPTION]... PID",
	        .about =
	                "The present stacks of all threads of a live process, equal ones "
	                "together, with what they wait\n"
	                "for and for how long; threads that wait for one another come first, "
	                "those that wait for\n"
	                "work (`outlive rules`) last. The process need not run with liboutlive.so; "
	                "of one that does, also\n"
	                "who created each thread. Threads that sleep are read where they lie; "
	                "those "
	                "that run are stopped for\n"
	                "some microseconds each.",
	        .examples = "outlive stacks 4711\n"
	                    "outlive stacks --check $(pidof server) || echo deadlocked\n"
	                    "outlive stacks --debug=2 4711",
	        .least = 1,
	        .most = 1,
	        .operands = "name the pid of a process",
	        .options = options};

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	view_ready(&o.view);
	if (!o.view.n.given)
		o.view.out.n = 0;
	return stacks_of(argv[1], &o);
}
