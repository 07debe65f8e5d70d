/*
 * seccomp.h - has the program locked itself in? A filter may kill whoever makes a call that the
 * program itself does not make; clone, ptrace.
 */
#ifndef OUTLIVE_SECCOMP_H
#define OUTLIVE_SECCOMP_H

#include <stdbool.h>

enum seccomp_state {
	SECCOMP_NONE,     /* no filter */
	SECCOMP_AS_BEGUN, /* those that were there at the start: a container's, systemd's */
	SECCOMP_LOCKED_IN /* set since then, or they cannot be counted */
};

/* At start. */
void seccomp_init(void);
/* Of the calling thread. One caller at a time; any context. */
enum seccomp_state seccomp_now(void);
/*
 * True once the program has set a filter that would kill it for calls of ours. From then on nothing
 * may be asked of the kernel that the program did not ask for: no name, no look at /proc, no
 * snapshot, not even the last.
 */
extern bool g_seccomp_quiet __attribute__((visibility("hidden")));
/*
 * Before the program sets one, by prctl() or seccomp(): would it kill for what we do? filter: a
 * struct sock_fprog, or NULL for SECCOMP_MODE_STRICT. Any context; reads the filter.
 */
bool seccomp_is_deadly(const void *filter);
/* How many there were at the start; -1: there were, and how many cannot be told. */
long seccomp_begun(void);

#endif
