/*
 * helper.h - a process beside the program that shares its memory: it holds none of our locks, the
 * program's wait() does not see it (no exit signal), and a fault in it stays its own. It shares %fs
 * with the thread that made it, so it must never use TLS, nor libc's functions that do.
 */
#ifndef OUTLIVE_HELPER_H
#define OUTLIVE_HELPER_H

#include <stdbool.h>
#include <stdint.h>

struct helper {
	const char *name; /* as /proc shows it, at most 15 characters */
	void (*run)(void *arg);
	void (*crashed)(void *arg); /* instead of the rest of run(), on a fault; may be NULL */
	void *arg;
};

#define HELPER_STACK_BYTES (128u << 10)

/*
 * False where a process more would be one too many: after unshare(CLONE_NEWPID) the next child is
 * the first process of a new pid namespace, which dies with it; and all that follow are numbered
 * otherwise than we are.
 */
bool helper_allowed(void);
/* A stack for one helper at a time, for ever; NULL when there is no memory. */
char *helper_stack(void);
/* Its upper end, for who runs something on it in the program itself. */
char *helper_stack_top(char *stack);
/* Among the flags of helper_start(): it does not share the memory, but has a copy. */
#define HELPER_COPY (1ull << 62)
/*
 * Starts it; all signals must be blocked, as they stay in the helper, but for faults. flags: to be
 * added to clone's, CLONE_FS | CLONE_FILES for instance. *pid is set before the helper runs, in its
 * copy of the memory, too. Returns its pid or -errno. To be reaped by wait4(pid, __WALL), by the
 * caller.
 */
long helper_start(char *stack, const struct helper *h, uint64_t flags, uint32_t *pid);
/*
 * Instead of a helper, where there is no other thread: fn runs on that stack in this very process,
 * at a third of the cost. All signals must be blocked. False: fn has come to a fault, and was left
 * there.
 */
bool helper_here(char *stack, void (*fn)(void));

#endif
