/*
 * waits.c - holds the waits of two snapshots of one run against each other. The kernel counts how
 * often a thread has gone to sleep: one that has done so as often at both moments, in the same
 * call, has slept all the while.
 */
#include "waits.h"

#include <stdlib.h>
#include <string.h>

static int by_tid(const void *key, const void *item)
{
	uint32_t tid = *(const uint32_t *)key, other = ((const struct wait *)item)->tid;

	return tid < other ? -1 : tid > other;
}

const struct wait *waits_of_tid(const struct snapshot *s, uint32_t tid)
{
	return s->n_waits ? bsearch(&tid, s->wait, s->n_waits, sizeof(*s->wait), by_tid) : NULL;
}

uint64_t waits_ns(const struct snapshot *a, const struct snapshot *b, const struct task *t)
{
	const struct wait *now = t->wait ? &b->wait[t->wait - 1] : NULL;

	if (!now || !now->switches || !a || !snapshot_same_run(a, b))
		return 0;
	const struct wait *then = waits_of_tid(a, t->tid);
	uint64_t at = INFO_U(&b->info, UPTIME), from = INFO_U(&a->info, UPTIME);
	/* The number may have been another thread's then. */
	if (then && then->switches == now->switches && then->call == now->call &&
	    !memcmp(then->args, now->args, sizeof(now->args)) && t->born_ns < from && at > from)
		return at - from;
	return 0;
}
