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
/* What a filter would be to us, from the mildest on. */
enum seccomp_effect {
	SECCOMP_HARMLESS, /* or the kernel will refuse it: programs ask whether it knows filters */
	SECCOMP_BARS,     /* it kills for what an image does that begins with us */
	SECCOMP_SHUTS,    /* and no file can be made, by an error: no snapshot can be written */
	SECCOMP_DEADLY    /* it kills for what we do in between, too */
};
/* Before the program sets one, by prctl() or seccomp(). filter: a struct sock_fprog, looked at
 * unless strict. Any context; reads the filter. */
enum seccomp_effect seccomp_effect(const void *filter, bool strict);
/* How many there were at the start; -1: there were, and how many cannot be told. */
long seccomp_begun(void);

#endif
