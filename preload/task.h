/*
 * task.h - the table of threads. A record lives from pthread_create until the thread has ended and
 * was joined or detached; it is then summed into its creation site, so that a million short threads
 * need no more room than the places that make them. Records have serial numbers of their own:
 * pthread_t and TID are used again.
 *
 * Hooks use track.h's calls; this is for init.c (ends, adoption, fork) and for the snapshot child.
 */
#ifndef OUTLIVE_TASK_H
#define OUTLIVE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "track.h"

/* Once, in the first hook: the first thread. */
void task_init(void);
/* The calling thread made its first hooked call, and nobody has told us of it: it becomes a record
 * without a stack. stack: where what started it was made (a timer), 0 unknown. IN_TRACKER is set.
 */
void task_adopt(uint32_t stack, uintptr_t start, uint32_t flags);
/* The calling thread ends (key destructor). Any flags; keeps errno. */
void task_end(void);
void task_fork_child(void);

struct task_view;
/* A record; it may be the calling thread's own only. */
const struct task_view *task_own(const struct task *t);

/* ---- for the snapshot child: lock-free, no TLS ---- */

struct task_view {
	uint64_t serial, creator;
	uint32_t tid, state, flags,
	        stack; /* FMT_TASK_*, FMT_TASK_FLAG_*; stack: stack.h, 0 unknown */
	uintptr_t start;
	uint64_t born_ns, ended_ns; /* sys_now_ns(); ended 0: alive */
	uint64_t cpu_ns;            /* of an ended one; a live one's is the kernel's to know */
	uint64_t stack_bytes;
	char name[16]; /* of an ended one */
};
static inline uint64_t task_serial(const struct task *t)
{
	return task_own(t)->serial;
}
uint32_t task_slots(void); /* records are 0..slots-1, with holes */
bool task_get(uint32_t slot, struct task_view *out);

/* What libc would hold of a thread, and what it holds that the program waits for: of each that
 * lives, or that has ended and holds its stack. */
struct task_roots {
	uintptr_t argument; /* of its start routine; 0 for an ended one */
	uintptr_t pthread;  /* 0: unknown */
	bool ended;
};
bool task_get_roots(uint32_t slot, struct task_roots *out);

/* Records of threads that are on their way to their first instruction. */
uint32_t task_unborn(void);
/* It has told its end, and may be listed by the kernel still. */
bool task_ended_lately(uint32_t tid);

struct task_site {
	uint32_t stack, next; /* next: task_site.c's */
	uintptr_t start;
	uint64_t count, joined, detached, cpu_ns, life_ns;
};
uint32_t task_site_count(void); /* 0..count-1 */
void task_site_get(uint32_t site, struct task_site *out);
/* Where the table lies, and how, for a reader outside of the process. */
struct fmt_live;
void task_describe(struct fmt_live *out);
/* Threads that found no room. */
uint64_t task_lost(void);
uint64_t task_bytes_used(void);

#endif
