/*
 * fd.h - the table of descriptors, indexed by number. Lock-free and without system calls but one
 * (is this process ours, or a vfork child that borrows our memory?): calls that open and close are
 * async-signal-safe, so their hooks must be. A death is recorded before the real call and a birth
 * after it, so what happens to one number is in order.
 *
 * Hooks use track.h's calls; this is for init.c and for the snapshot child.
 */
#ifndef OUTLIVE_FD_H
#define OUTLIVE_FD_H

#include <stdbool.h>
#include <stdint.h>

#include "track.h"

/* In the constructor: what is open already is inherited. */
void fd_init(void);
/* fork's child inherits all that its parent had open. */
void fd_fork_child(void);

/* ---- for the snapshot child: lock-free, no TLS ---- */

struct fd_view {
	uint64_t birth;              /* tells this birth from others of the number */
	uint32_t stack, kind, flags; /* FMT_FD_*, FMT_FD_FLAG_* (CLOEXEC is the kernel's to know) */
	uint32_t task;               /* serial of the thread that opened it, 0 unknown */
	uint64_t born_ns;            /* sys_coarse_ns(): up to some ms early */
};
/* Tells this birth from others of the number, whatever flags come and go (`birth` has them). */
static inline uint64_t fd_key(const struct fd_view *v)
{
	return v->born_ns << 16 | v->birth >> 48;
}
uint32_t fd_limit(void); /* numbers in the table are below it */
bool fd_get(uint32_t fd, struct fd_view *out);
/* The first number from this one on that is in the table; fd_limit() at most. */
uint32_t fd_next(uint32_t fd);
/* Counts births, wrapping: was v born after generation was read? (Within 32768 births.) */
uint32_t fd_generation(void);
bool fd_born_after(const struct fd_view *v, uint32_t generation);
/*
 * What the kernel says the number is (device and inode). False when it named another object for the
 * same birth at an earlier look: a path that we do not see has closed and reopened the number.
 */
bool fd_same_object(uint32_t fd, const struct fd_view *v, uint64_t device, uint64_t inode);

struct fd_sum {
	uint64_t opened, closed;
	uint32_t kind;
};
/* By opening stack (stack.h), 1..stack_count(). False where nothing was opened. */
bool fd_sum_get(uint32_t stack, struct fd_sum *out);
/* The first stack from this one on, to `last`, that has opened something; else last + 1. */
uint32_t fd_sum_next(uint32_t stack, uint32_t last);

struct fd_bad {
	uint32_t what, fd; /* FMT_BAD_*; the latest number */
	uint32_t stack, before;
	uint64_t count, last_ns;
	uint32_t run, in_run; /* counted by this run of closes, so that it can be taken back */
};
bool fd_bad_get(uint32_t i, struct fd_bad *out); /* 0.. until FD_BAD_MAX, with holes */
#define FD_BAD_MAX 1024u

/* All that were opened and closed since the start of this process; and open now. */
struct fd_totals {
	uint64_t opened, closed;
	uint32_t live;
};
void fd_totals(struct fd_totals *out);

uint64_t fd_lost(void);
uint64_t fd_bytes_used(void);

/* ---- between track_fd.c, track_fd_bad.c and track_kept.c ---- */

/* The stack of the call. 0 where a handler interrupted the tracker: the stack cache is in use. */
uint32_t fd_capture(const struct caller *from);
/* Counts it. run: number of the thread's run of closes, 0 none. */
void fd_bad_add(unsigned what, int fd, uint32_t stack, uint32_t before, uint32_t run);
void fd_bad_fork_child(void);
void fd_kept_fork_child(void);
/* Numbers of /proc/self/fd; the folder's own is left out. */
void fd_each_open(void (*fn)(int fd, void *arg), void *arg);

#endif
