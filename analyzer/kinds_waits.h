/*
 * kinds_waits.h - who waits since when, and who is only idle: between kinds.c and kinds_waits.c,
 * and for who asks about several snapshots (struct kinds_older).
 */
#ifndef OUTLIVE_KINDS_WAITS_H
#define OUTLIVE_KINDS_WAITS_H

#include "kinds.h"

/* Fills in k->waited_ns and k->idle. */
void kinds_waits_make(struct kinds *k, const struct kinds_options *o);
void kinds_waits_free(struct kinds *k);
/* Thread i of k->b is none of those that are asked for; an idle one is counted. older NULL: all
 * are.
 */
bool kinds_waits_leave_out(struct kinds *k, const struct kinds_older *older, uint32_t i);
/* For how long thread i has been in its wait, for all that is known; 0 when it is idle. */
uint64_t kinds_waits_blocked_ns(const struct kinds *k, uint32_t i);

/* The threads of b that were in the wait that they are in at each of several earlier moments, and
 * all the while: begin, add each earlier snapshot of the same run, make kinds with it, end. */
void kinds_older_begin(struct kinds_older *older, const struct snapshot *b);
void kinds_older_add(struct kinds_older *older, const struct snapshot *e, const struct snapshot *b);
void kinds_older_end(struct kinds_older *older);

#endif
