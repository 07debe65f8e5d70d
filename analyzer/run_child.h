/*
 * run_child.h - starts a command with liboutlive.so before it, and stands aside as `env` or `time`
 * do until it ends.
 */
#ifndef OUTLIVE_RUN_CHILD_H
#define OUTLIVE_RUN_CHILD_H

#include <sys/types.h>

#include "command.h"

struct child {
	pid_t pid;
	int exec_error; /* errno of exec, 0: it ran */
	int status;     /* as wait() gives it, when it ran */
};

/*
 * Runs the command (whose path is not NULL) with the words argv, with LD_PRELOAD=library (before
 * what was there) and OUTLIVE_OPTIONS=options, and waits for its end. Signals of the terminal reach
 * it by themselves; those that are sent to us are passed on; when the terminal stops it we stop,
 * too. -1 only when no process could be made.
 */
int child_run(const struct command *command, char *const argv[], const char *library,
              const char *options, struct child *c, struct err *err);
/* The exit status of a shell for it: its own, 128 and the signal, 126 or 127. */
int child_exit_status(const struct child *c);
/* Ends us by the signal that ended the child, if one did, so that our parent sees the same. No core
 * of ours. */
void child_die_alike(const struct child *c);

#endif
