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
 * True once the program has set a filter that would kill it for calls of ours, or for their
 * arguments. From then on nothing may be asked of the kernel that the program did not ask for: no
 * name, no look at /proc, no page for a table, no snapshot, not even the last. Hooks only forward.
 */
extern bool g_seccomp_quiet __attribute__((visibility("hidden")));
/*
 * Before the program sets one, by prctl() or seccomp(): would it kill for what we do? filter: a
 * struct sock_fprog, looked at unless strict. False for what the kernel will refuse: programs ask
 * it with NULL whether it knows filters. Any context; reads the filter.
 */
bool seccomp_is_deadly(const void *filter, bool strict);
/* How many there were at the start; -1: there were, and how many cannot be told. */
long seccomp_begun(void);

#endif
