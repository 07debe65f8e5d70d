/*
 * history.h - what several snapshots of one process tell together: how its figures went, and how
 * long each thread lived. history.c.
 */
#ifndef OUTLIVE_HISTORY_H
#define OUTLIVE_HISTORY_H

#include "profile.h"

/* A figure that a snapshot does not have is -1: not measured is not 0. */
struct moment {
	uint64_t time_ns, uptime_ns, sequence; /* time: since 1970 */
	int64_t rss, live_bytes, live_blocks, allocated_bytes, threads, fds, timers;
	const char *label, *reason; /* interned */
};

/* A thread, as the last snapshot that has it tells of it. */
struct life {
	uint64_t serial;
	uint32_t tid, state, flags; /* FMT_TASK_*, FMT_TASK_FLAG_* */
	uint64_t born_ns, ended_ns; /* of uptime; ended 0: it lives */
	uint64_t seen_ns;           /* when a snapshot had it last */
	uint64_t gone_ns;           /* when a snapshot had it no more: joined by then; 0: never */
	uint64_t cpu_ns, stack_bytes;
	const char *name, *start; /* interned; start: its start routine, NULL unknown */
};

/* Zero is valid and empty. */
struct history {
	struct moment *moment; /* by time */
	uint32_t n_moments, cap_moments;
	struct life *life; /* by serial */
	uint32_t n_lives, cap_lives;
	uint32_t n_others; /* snapshots of other processes, which were left out */
	struct table by_serial;
};

/*
 * Adds a snapshot, which need not live on. `of` is the one that the history is of: a snapshot of
 * another process is only counted. Symbolized, so that start routines have names. In any order.
 */
void history_add(struct history *h, const struct snapshot *of, const struct snapshot *s);
/* After the last one: orders, and works out which threads are gone. */
void history_finish(struct history *h);
void history_free(struct history *h);

#endif
