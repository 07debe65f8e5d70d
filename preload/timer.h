/*
 * timer.h - the table of POSIX timers and interval timers. timerfds are descriptors (fd.h): the
 * kernel tells their state. A POSIX timer's state is what the program set it to: no other process
 * can ask the kernel for it.
 *
 * Hooks use track.h's calls; this is for init.c and for the snapshot child.
 */
#ifndef OUTLIVE_TIMER_H
#define OUTLIVE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

/* A fork's child has no timers. */
void timer_fork_child(void);

/* ---- for the snapshot child: lock-free, no TLS ---- */

struct timer_view {
	uint64_t serial;
	uint64_t id; /* timer_t; ITIMER_* for an interval timer */
	uint32_t kind, stack;
	bool cpu_clock;                 /* counts CPU time */
	uint32_t notify, signal;        /* SIGEV_*, signal number */
	uint64_t task, born_ns;         /* creator's serial; sys_now_ns() */
	uint64_t set_ns;                /* when it was armed, sys_now_ns() */
	uint64_t value_ns, interval_ns; /* from then to the first expiry (0: disarmed), and between
	                                   further ones */
};
uint32_t timer_slots(void); /* records are 0..slots-1, with holes */
bool timer_get(uint32_t slot, struct timer_view *out);
/* What the functions that expiries start threads for will be given. */
void timer_each_argument(void (*fn)(uintptr_t argument));

struct timer_site {
	uint32_t stack, kind, next; /* next: track_timer.c's */
	uint64_t created, deleted;
};
uint32_t timer_site_count(void);
void timer_site_get(uint32_t site, struct timer_site *out);
uint64_t timer_lost(void);

#endif
