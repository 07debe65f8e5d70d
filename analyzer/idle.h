/*
 * idle.h - is a thread that waits one that waits for work, as it should, or may it be stuck? Rules
 * of the kind "idle" say so (rules.h): idle.c.
 *
 * A wait is held against them by its stack. Who waits for a lock, for another's end, or to be rid
 * of what it has (write, send, connect) is never idle, whatever a rule says.
 */
#ifndef OUTLIVE_IDLE_H
#define OUTLIVE_IDLE_H

#include "rules.h"
#include "wait_reason.h"

struct idle_wait {
	enum wait_kind kind;
	uint32_t stack;   /* where it waits, 0 not known: then only kind, name and start tell */
	uint32_t start;   /* location of its start routine, or LOCATION_NONE */
	const char *name; /* or NULL */
};

/* The first rule that says it is idle, or NULL. */
const struct rule *idle_find(const struct rules *r, const struct snapshot *s,
                             const struct idle_wait *w);

/* The same for all threads of a snapshot: by index into s->task; to be freed. */
const struct rule **idle_tasks(const struct snapshot *s, const struct rules *r);

#endif
