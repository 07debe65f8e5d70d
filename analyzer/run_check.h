/*
 * run_check.h - the gate around a command that `outlive run --check` runs: a private folder for the
 * snapshots of all its processes, and one report over them. run_check.c.
 */
#ifndef OUTLIVE_RUN_CHECK_H
#define OUTLIVE_RUN_CHECK_H

#include "check_view.h"
#include "command.h"
#include "run_child.h"
#include "run_folder.h"

struct run_check {
	struct check_choice choice;
	struct rules rules;
	struct check_rules *programs;
	struct run_folder folder;
	bool accept_unseen; /* programs of the user's own that cannot be seen are no reason for no
	                       verdict */
};

/* OPT_PARSED: "accept" or "refuse"; to: accept_unseen. */
int run_check_parse_unseen(const char *value, void *to, struct err *err);

/* Reads the rules, makes the folder, adds to `options` what the library has to know. out: where
 * snapshots are to stay, absolute. -1 with err. run_check_end() in either case. */
int run_check_begin(struct run_check *r, const char *out, struct str *options, struct err *err);
/*
 * After the command: reports on stderr, and returns the exit status. `options` is OUTLIVE_OPTIONS
 * as the command had it. Of the snapshots those stay that the report speaks of.
 */
int run_check_report(struct run_check *r, const struct command *command, const struct child *child,
                     const char *options);
/* Instead, when nothing was run. */
void run_check_cancel(struct run_check *r);
void run_check_end(struct run_check *r);

#endif
