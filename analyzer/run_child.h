/*
 * run_child.h - starts a process, and stands aside as `env` or `time`
 * do until it ends.
 */
#ifndef OUTLIVE_RUN_CHILD_H
#define OUTLIVE_RUN_CHILD_H

#include <sys/types.h>

#include "util.h"

struct child {
	pid_t pid;
	int exec_error; /* errno of exec, 0: it ran */
	int status;     /* as wait() gives it, when it ran */
};

/*
 * What the new process does: exec, or write the errno (an int) to `report`, which exec closes, and
 * end itself. Does not return.
 */
typedef void child_become(const void *arg, int report);
/* Somebody who looks at it while it runs: fn is called each interval, between signals. */
struct child_watch {
	uint64_t interval_ns; /* 0: never */
	void (*fn)(void *ctx, pid_t pid);
	void *ctx;
};

/*
 * Starts a process with become(arg, ...) and waits for its end. It has the signal mask and the
 * dispositions that we were started with. Signals of the terminal reach it by themselves; those
 * that are sent to us are passed on; when the terminal stops it we stop, too. -1 only when no
 * process could be made.
 */
int child_run(child_become *become, const void *arg, const struct child_watch *watch,
              struct child *c, struct err *err);
/* The exit status of a shell for it: its own, 128 and the signal, 126 or 127. */
int child_exit_status(const struct child *c);
/* Ends us by the signal that ended the child, if one did, so that our parent sees the same. No core
 * of ours. */
void child_die_alike(const struct child *c);

#endif
