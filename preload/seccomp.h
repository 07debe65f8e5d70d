/*
 * seccomp.h - has the program locked itself in? A filter may kill whoever makes a call that the
 * program itself does not make; clone, ptrace.
 */
#ifndef OUTLIVE_SECCOMP_H
#define OUTLIVE_SECCOMP_H

enum seccomp_state {
	SECCOMP_NONE,     /* no filter */
	SECCOMP_AS_BEGUN, /* those that were there at the start: a container's, systemd's */
	SECCOMP_LOCKED_IN /* set since then, or they cannot be counted */
};

/* At start. */
void seccomp_init(void);
/* Of the calling thread. One caller at a time; any context. */
enum seccomp_state seccomp_now(void);
/* How many there were at the start; -1: there were, and how many cannot be told. */
long seccomp_begun(void);

#endif
