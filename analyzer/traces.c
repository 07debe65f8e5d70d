/*
 * traces.c - waits of several snapshots, put together by thread and by when each began. Pure: owns
 * its tables only.
 */
#include "traces.h"

#include "spans.h"

#include <stdlib.h>

void traces_open(struct traces *a, const struct snapshot *const *s, uint32_t n)
{
	*a = (struct traces){s, n, xcalloc((size_t)n + 1, sizeof(*a->by_serial))};
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < s[i]->n_traced; k++)
			table_add(&a->by_serial[i], table_hash(s[i]->traced[k].serial, 0), k);
}

void traces_close(struct traces *a)
{
	for (uint32_t i = 0; i < a->n; i++)
		table_free(&a->by_serial[i]);
	free(a->by_serial);
	*a = (struct traces){0};
}

static bool same_serial(const void *ctx, uint32_t value, const void *key)
{
	return ((const struct snapshot *)ctx)->traced[value].serial == *(const uint64_t *)key;
}

/* Of those that this snapshot has not kept, the one before may have counted some as ended, and has
 * them, or has told of them as lost. */
static void find_lost(struct trace_part *p, const struct trace_part *before)
{
	uint64_t gone = traced_overwritten(p->s, p->t), known = before ? before->t->waits : 0;

	p->lost = gone > known ? gone - known : 0;
	p->lost_from_ns = before ? INFO_U(&before->s->info, UPTIME) : p->t->born_ns;
	p->lost_to_ns = p->t->n_spans    ? p->s->span[p->t->span].begin_ns
	                : p->t->ended_ns ? p->t->ended_ns
	                                 : INFO_U(&p->s->info, UPTIME);
	if (p->lost_to_ns < p->lost_from_ns)
		p->lost_to_ns = p->lost_from_ns;
}

uint32_t traces_of(const struct traces *a, uint64_t serial, struct trace_part *part)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		uint32_t k = table_find(&a->by_serial[i], table_hash(serial, 0), same_serial,
		                        a->s[i], &serial);
		if (k == TABLE_NONE)
			continue;
		part[n] = (struct trace_part){.s = a->s[i], .t = &a->s[i]->traced[k]};
		find_lost(&part[n], n ? &part[n - 1] : NULL);
		n++;
	}
	return n;
}

/* They lie in the order in which they began. */
bool trace_has(const struct trace_part *later, const struct span *w)
{
	const struct span *span = later->s->span + later->t->span;
	uint32_t low = 0, high = later->t->n_spans;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (span[mid].begin_ns < w->begin_ns)
			low = mid + 1;
		else
			high = mid;
	}
	return low < later->t->n_spans && span[low].begin_ns == w->begin_ns;
}
