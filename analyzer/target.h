/*
 * target.h - a live process as /proc shows it, and the control page that liboutlive.so keeps in it
 * (format.h, section 5).
 */
#ifndef OUTLIVE_TARGET_H
#define OUTLIVE_TARGET_H

#include <sys/types.h>

#include "../preload/format.h"
#include "util.h"

struct target {
	pid_t pid;            /* as we see it */
	pid_t ns_pid;         /* as it sees itself: another number in a container */
	pid_t process;        /* the same; of a thread, the process that it belongs to */
	uid_t uid, euid;      /* real and effective */
	char state;           /* R S D T t Z X */
	uint64_t start_ticks; /* tells a reused pid */
	uint64_t caught;      /* bit n-1: it has a handler for signal n */
	char comm[64];
	int pidfd;                   /* -1 where the kernel has none */
	int lock;                    /* fd of the control file, -1: none */
	struct fmt_control *control; /* mapped, or NULL */
};

/* Fills in *t from /proc. -1 when there is no such process, or it is a thread or the kernel's.
 * Close it either way. */
int target_open(struct target *t, pid_t pid, struct err *err);
void target_close(struct target *t);
/* state and caught anew. False when it has ended (or its pid is another's by now). */
bool target_refresh(struct target *t);
/* True when liboutlive.so is among its mappings; -1 with err when we may not look. */
int target_has_library(const struct target *t, struct err *err);
/*
 * Maps the control page when there is one that is this very process's. -1 without: err says why.
 * A page that a killed process left behind under this pid is removed.
 */
int target_open_control(struct target *t, struct err *err);
/* -1 with err: what is mapped is no control page any more. Who waits for it to change looks here.
 */
int target_check_control(const struct target *t, struct err *err);
/* Removes the control file that a killed process `pid` of ours has left behind, if there is one. */
void target_forget(pid_t pid);
/* Sends signal `number` with FMT_CONTROL_VALUE; never a signal that the process has no handler for.
 * tid: to that thread, if it sleeps; 0: to the process. */
int target_signal(struct target *t, pid_t tid, int number, struct err *err);
/* How many of its threads block signal `number`; *all tells how many there are. */
unsigned target_threads_blocking(const struct target *t, int number, unsigned *all);
/* State of a child of it that is called `comm`, Z rather than any other; 0: it has none, or the
 * kernel does not tell. */
char target_child_state(const struct target *t, const char *comm);
/* A variable of the environment that it was started with, to be freed; NULL when it has none or
 * hides it. */
char *target_getenv(const struct target *t, const char *name);
/* `path` as the process means it, for us to open: through /proc/PID/root when its root or mounts
 * are not ours. To be freed. */
char *target_path(const struct target *t, const char *path);

#endif
