/*
 * waits.h - threads in the kernel at two moments: who has not gone on in between. waits.c.
 */
#ifndef OUTLIVE_WAITS_H
#define OUTLIVE_WAITS_H

#include "profile.h"

/* The wait of the thread of that number; NULL: it ran, or nobody knows. */
const struct wait *waits_of_tid(const struct snapshot *s, uint32_t tid);
/* For how long t, a thread of b, has been in the wait that it is in, at least: by the earlier
 * snapshot a, which may be NULL. 0: not known. */
uint64_t waits_ns(const struct snapshot *a, const struct snapshot *b, const struct task *t);

#endif
