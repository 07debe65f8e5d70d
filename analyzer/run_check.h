/*
 * run_check.h - the gate around a command that `outlive run --check` runs: a private folder for the
 * snapshots of all its processes, and one report over them. run_check.c.
 */
#ifndef OUTLIVE_RUN_CHECK_H
#define OUTLIVE_RUN_CHECK_H

#include "check_view.h"
#include "command.h"
#include "run_child.h"

struct run_check {
	struct check_choice choice;
	struct rules rules;
	struct check_rules *programs;
	char *folder;
	char *tally; /* the file in it to which processes that leave nothing add a line */
};

/* Reads the rules and makes the folder, in `out` if that can be written, else where temporary files
 * go; adds to `options` what the library has to know. -1 with err. run_check_end() in either case.
 */
int run_check_begin(struct run_check *r, const char *out, struct str *options, struct err *err);
/*
 * After the command: reports on stderr, and returns the exit status. `options` is OUTLIVE_OPTIONS
 * as the command had it. Of the snapshots those stay that the report speaks of.
 */
int run_check_report(struct run_check *r, const struct command *command, const struct child *child,
                     const char *options);
void run_check_end(struct run_check *r);

#endif
