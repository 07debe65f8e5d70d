/*
 * kinds_waits.c - for how long each thread of a snapshot has been in its wait, and whether a rule
 * says that it is idle. Owns the two arrays of struct kinds.
 */
#include "kinds_waits.h"

#include <stdlib.h>

#include "idle.h"
#include "waits.h"

void kinds_waits_make(struct kinds *k, const struct kinds_options *o)
{
	const struct snapshot *b = k->b;
	const struct kinds_older *older = o->older;

	k->waited_ns = xcalloc((size_t)b->n_tasks + 1, sizeof(*k->waited_ns));
	for (uint32_t i = 0; i < b->n_tasks; i++) {
		uint64_t ns = waits_ns(k->a, b, &b->task[i]);

		if (older && older->unbroken && ns < older->span_ns)
			ns = older->unbroken[i] ? older->span_ns : 0;
		k->waited_ns[i] = ns;
	}
	if (o->rules)
		k->idle = idle_tasks(b, o->rules);
}

void kinds_waits_free(struct kinds *k)
{
	free(k->waited_ns);
	free(k->idle);
}

bool kinds_waits_leave_out(struct kinds *k, const struct kinds_older *older, uint32_t i)
{
	if (!older)
		return false;
	if (k->waited_ns[i] < older->least_ns ||
	    (older->unbroken && k->waited_ns[i] < older->span_ns))
		return true;
	if (!k->idle || !k->idle[i])
		return false;
	k->older_idle++;
	return true;
}

uint64_t kinds_waits_blocked_ns(const struct kinds *k, uint32_t i)
{
	return k->idle && k->idle[i] ? 0 : k->waited_ns[i];
}

/* ---- several snapshots ---- */

void kinds_older_begin(struct kinds_older *older, const struct snapshot *b)
{
	older->unbroken = xcalloc((size_t)b->n_tasks + 1, sizeof(*older->unbroken));
	for (uint32_t i = 0; i < b->n_tasks; i++)
		older->unbroken[i] = b->task[i].wait != 0;
	older->n_snapshots = 1;
}

void kinds_older_add(struct kinds_older *older, const struct snapshot *e, const struct snapshot *b)
{
	uint64_t from = INFO_U(&e->info, UPTIME), to = INFO_U(&b->info, UPTIME);
	uint64_t span = to > from ? to - from : 0;

	older->n_snapshots++;
	if (span > older->span_ns)
		older->span_ns = span;
	/* Asleep since then by the kernel's clock, or by the count of sleeps. */
	for (uint32_t i = 0; i < b->n_tasks; i++)
		if (older->unbroken[i])
			older->unbroken[i] = waits_ns(NULL, b, &b->task[i]) >= span ||
			                     waits_since(e, b, &b->task[i]);
}

void kinds_older_end(struct kinds_older *older)
{
	free(older->unbroken);
	older->unbroken = NULL;
}
