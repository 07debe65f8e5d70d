/*
 * traces.h - the waits of threads as several snapshots of a process have kept them: each once. Each
 * ring keeps the latest alone, so an earlier snapshot has waits that a later one has not. traces.c.
 */
#ifndef OUTLIVE_TRACES_H
#define OUTLIVE_TRACES_H

#include "profile.h"

/* Of one process, oldest first; they must live on. */
struct traces {
	const struct snapshot *const *s;
	uint32_t n;
	struct table *by_serial; /* of each: index into its traced[] */
};

/* What one of the snapshots has of a thread. */
struct trace_part {
	const struct snapshot *s;
	const struct traced *t;
	/* Waits between the snapshot before and its own oldest, which none has kept; and when they
	 * were. */
	uint64_t lost, lost_from_ns, lost_to_ns;
};

void traces_open(struct traces *a, const struct snapshot *const *s, uint32_t n);
void traces_close(struct traces *a);
/* The parts of a thread, oldest first, into part[a->n]: how many. 0: its waits are not kept. */
uint32_t traces_of(const struct traces *a, uint64_t serial, struct trace_part *part);
/* A later part tells of this wait, too, and knows more. */
bool trace_has(const struct trace_part *later, const struct span *w);

#endif
