/*
 * run_check.c - judges all processes of a command together.
 *
 * What is in its private folder is of this run alone, so nobody's names, times or options need be
 * compared. Processes may be hundreds, and most leave nothing: one snapshot at a
 * time is in memory, and names are looked up only where there is something to be named.
 */
#include "run_check.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_tally.h"
#include "settings.h"

int run_check_parse_unseen(const char *value, void *to, struct err *err)
{
	bool accept = !strcmp(value, "accept");

	if (!accept && strcmp(value, "refuse") != 0)
		return err_set(err, "--unseen is accept or refuse, not \"%s\"", value);
	*(bool *)to = accept;
	return 0;
}

/* All that is judged is among what the user has it record: then a process that leaves nothing of
 * that has nothing to show. */
static bool records_enough(const char *families, const struct check_gates *g)
{
	bool heap = strstr(families, "heap") && strstr(families, "mmap");

	return (heap || g->heap == CHECK_HEAP_OFF) && strstr(families, "threads") &&
	       strstr(families, "timers") && strstr(families, "fds");
}

/* Who names programs means them. */
static bool accepts_system(const struct run_check *r, const char *options)
{
	char *only = settings_get(options, "only");
	bool accepts = !r->choice.rules.no_builtin && !(only && *only);

	free(only);
	return accepts;
}

/* What is accepted all the same need not be found, where nobody asks for what was accepted. */
static bool may_spare(const struct run_check *r, const char *options)
{
	return accepts_system(r, options) && !r->choice.explain && !r->choice.uses;
}

/* What the library does otherwise than without a gate, unless the user has said how. */
static int add_options(struct run_check *r, struct str *options, struct err *err)
{
	const struct check_gates *g = &r->choice.gates;
	char *settle = settings_get(options->data, "settle");
	char *reach = settings_get(options->data, "reach");
	char *families = settings_get(options->data, "families");
	/* These want the figures of every process. */
	bool all = g->growth || g->residue.given || g->peak.given || g->allocs.given ||
	           (families && !records_enough(families, g)) || g->leaks & CHECK_BAD_CLOSES ||
	           (g->heap == CHECK_HEAP_LOST && reach);
	int rc = settings_add(options, "out", r->folder.path, err);

	if (!rc && !reach && g->heap != CHECK_HEAP_OFF)
		rc = settings_add(options, "reach", "exit", err);
	if (!rc && g->peak.given)
		rc = settings_add(options, "peak", "yes", err);
	if (!rc && !settle)
		rc = settings_add(options, "settle", "1s", err);
	if (!rc)
		rc = settings_add(options, "tally", r->folder.tally, err);
	if (!rc && all)
		rc = settings_add(options, "clean", "yes", err);
	if (!rc && !all && may_spare(r, options->data)) {
		char pid[24];

		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		rc = settings_add(options, "spare", pid, err);
	}
	free(settle);
	free(reach);
	free(families);
	return rc;
}

int run_check_begin(struct run_check *r, const char *out, struct str *options, struct err *err)
{
	char cwd[PATH_MAX];
	/* Where nobody has said anything else, and where %p and %c would have to be filled in. */
	bool aside = strchr(out, '%') || (getcwd(cwd, sizeof(cwd)) && !strcmp(out, cwd));

	if (rule_choice_load(&r->choice.rules, &r->rules, err) ||
	    check_files_look(&r->choice, err) ||
	    run_folder_make(&r->folder, strchr(out, '%') ? "." : out, aside, err))
		return -1;
	return add_options(r, options, err);
}

/* ---- what was seen ---- */

/* became: the program that exec has made of the command; NULL: none that is known. */
static char *what_was_unseen(const struct command *command, const char *became,
                             const struct child *child)
{
	struct command next;

	if (!became || command->blind)
		return xasprintf(
		        "NOTHING WAS SEEN of %s (pid %d)%s", command->path, (int)child->pid,
		        command->blind ? ", for the reason above"
		        : WIFSIGNALED(child->status) && WTERMSIG(child->status) == SIGKILL
		                ? ": SIGKILL ended it and left no time for a snapshot"
		                : ": liboutlive.so was never loaded (a static or setuid "
		                  "program, a wrapper that clears LD_PRELOAD), or it ended "
		                  "without libc");
	command_inspect(became, &next);
	char *text = xasprintf("NOTHING WAS SEEN of %s, which %s (pid %d) became by exec: %s%s",
	                       became, command->path, (int)child->pid,
	                       next.why ? "it is " : "liboutlive.so was never loaded",
	                       next.why ? next.why : "");
	command_free(&next);
	return text;
}

static void note_unseen(struct findings *f, const struct command *command, const char *became,
                        const struct child *child, const char *options)
{
	char *only = settings_get(options, "only"), *text;

	/* Left out on purpose. */
	if (only && *only && !command->blind) {
		text = xasprintf("%s itself was not looked at (--only)", command->path);
		findings_note(f, false, text);
	} else {
		text = what_was_unseen(command, became, child);
		findings_note(f, true, text);
	}
	free(text);
	free(only);
}

static bool ended_by_exec(const struct findings *f, uint32_t process)
{
	return !strcmp(f->process[process].end, "before an exec");
}

static int look_at_all(struct findings *f, const struct check *c,
                       const struct folder_images *images, struct run_tally *tally, struct err *err)
{
	bool any_base = false;

	for (size_t i = 0; i < images->n; i++) {
		any_base |= images->at[i].n > 1;
		if (check_image(f, c, NULL, &images->at[i], err))
			return -1;
		run_tally_add(tally, images->at[i].pid,
		              ended_by_exec(f, (uint32_t)f->n_processes - 1));
	}
	if (c->gates.growth && !any_base)
		findings_note(f, true,
		              "no growth to be seen: no process has written more than one snapshot "
		              "(--interval, or outlive_snapshot() in the program)");
	return 0;
}

/* -1 with err when a snapshot cannot be read. */
static int look(struct run_check *r, struct findings *f, const struct command *command,
                const struct child *child, const char *options, struct err *err)
{
	const char *folder = r->folder.path;
	struct run_tally *tally = run_tally_read(r->folder.tally);
	struct folder_images images = {0};
	struct check c = {.gates = r->choice.gates,
	                  .rules = r->programs,
	                  .builtin = !r->choice.rules.no_builtin,
	                  .ended = true,
	                  .accept_system = accepts_system(r, options),
	                  .command = (uint64_t)child->pid};
	int rc = folder_images(&folder, 1, &images, err);

	/* "timeout 60 ./my_test": then it is what it runs that is tested. */
	c.command_alone = !run_tally_others(tally, c.command);
	if (!rc)
		rc = look_at_all(f, &c, &images, tally, err);
	if (!rc && !run_tally_ended(tally, c.command))
		note_unseen(f, command, run_tally_started(tally, c.command), child, options);
	run_tally_report(tally, c.command, r->accept_unseen, f);
	run_tally_free(tally);
	folder_images_free(&images);
	return rc;
}

/* ---- the end ---- */

static char *how_it_ended(const struct child *child)
{
	if (WIFSIGNALED(child->status))
		return xasprintf("was ended by signal %d (%s)", WTERMSIG(child->status),
		                 strsignal(WTERMSIG(child->status)));
	return xasprintf("exited with status %d", WEXITSTATUS(child->status));
}

int run_check_report(struct run_check *r, const struct command *command, const struct child *child,
                     const char *options)
{
	struct findings f = {0};
	char *how = how_it_ended(child);
	struct err err;
	int status, failed;

	fflush(stdout);
	r->programs = check_rules_new(&r->rules);
	failed = look(r, &f, command, child, options, &err) || check_finish(&f, &r->choice, &err);
	if (!failed) {
		run_folder_tidy(&r->folder, &f);
		status = check_status(&f, &r->choice);
		/* Findings that are no failure: --error-exitcode=0, exitcode=0. */
		if (f.verdict == VERDICT_CLEAN || status == EXIT_CLEAN)
			status = child_exit_status(child);
		failed = check_report(stderr, &f, &r->choice, &r->rules, how, status, &err);
	}
	if (failed) {
		fprintf(stderr, "outlive: check: no verdict: ");
		print_safe(stderr, err.text);
		fprintf(stderr, "; the command %s; exit status %d\n", how, EXIT_UNREADABLE);
		status = EXIT_UNREADABLE;
	}
	findings_free(&f);
	free(how);
	return status;
}

void run_check_cancel(struct run_check *r)
{
	run_folder_remove(&r->folder);
}

void run_check_end(struct run_check *r)
{
	check_rules_free(r->programs);
	rules_free(&r->rules);
	run_folder_free(&r->folder);
}
