/*
 * snap_reach.c - what the scan of reach.h found, by site, into the snapshot. Context: the snapshot
 * child (snap.h).
 */
#include "context.h"
#include "reach.h"
#include "reach_stuck.h"
#include "snap.h"

_Static_assert(sizeof(((struct snap_reach *)0)->blocks) == FMT_REACH_CLASSES * sizeof(uint32_t),
               "a sum for each class");

bool snap_reach_is_there(void)
{
	return g_reach_report.state == REACH_MARKED;
}

void snap_reach_add(struct snap_reach *r, uintptr_t address, const struct block *b)
{
	uint32_t owner;
	unsigned class = reach_class(address, b, &owner);

	r->blocks[class]++;
	r->bytes[class] += b->size;
	if (!owner)
		return;
	/* Who has more than half of them is the one that is left. */
	if (!r->votes)
		r->owner = owner;
	r->votes += r->owner == owner ? 1 : -1u;
}

static uint32_t stack_of(uint32_t site)
{
	const struct site *s = site ? site_get(site) : NULL;

	return s ? __atomic_load_n(&s->stack, __ATOMIC_ACQUIRE) : 0;
}

void snap_reach(struct snap_out *o, const struct snap_tally *t, const struct snap_bounds *have)
{
	snap_record(o, FMT_REACH);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct snap_reach *r = &t->reach[i];
		unsigned n = 0;

		for (unsigned k = 1; k < FMT_REACH_CLASSES; k++)
			n += r->blocks[k] != 0;
		if (!r->item || !n)
			continue;
		snap_item(o);
		snap_u(o, r->item);
		snap_put_node(o, have, stack_of(r->owner));
		snap_u(o, n);
		for (unsigned k = 1; k < FMT_REACH_CLASSES; k++) {
			if (!r->blocks[k])
				continue;
			snap_u(o, k);
			snap_u(o, r->blocks[k]);
			snap_u(o, r->bytes[k]);
		}
	}
	snap_record_end(o);
}

void snap_stuck(struct snap_out *o, const struct snap_bounds *have)
{
	if (!snap_reach_is_there() || !g_reach_stuck.n)
		return;
	snap_record(o, FMT_STUCK);
	for (uint32_t i = 0; i < g_reach_stuck.n; i++) {
		const struct reach_stuck *t = &g_reach_stuck.thread[i];

		snap_item(o);
		snap_u(o, t->tid);
		snap_u(o, t->how);
		snap_u(o, t->address);
		snap_put_node(o, have, t->stack);
		snap_u(o, t->joins);
		snap_u(o, t->offset);
		snap_u(o, t->bytes);
		snap_put_node(o, have, stack_of(t->site));
	}
	snap_record_end(o);
}

void snap_reach_info(struct snap_out *o)
{
	const struct reach_report *r = &g_reach_report;

	if (r->state == REACH_NOT_ASKED)
		return;
	snap_record(o, FMT_INFO);
	snap_pair(o, FMT_INFO_REACH, r->state == REACH_MARKED ? FMT_SCAN_DONE : FMT_SCAN_REFUSED);
	if (r->state == REACH_REFUSED)
		snap_pair_str(o, FMT_INFO_REACH_WHY, r->why);
	if (r->way)
		snap_pair_str(o, FMT_INFO_REACH_WAY, r->way);
	snap_record_end(o);
}

void snap_reach_audit(struct snap_out *o, const struct snap_job *j)
{
	const struct reach_report *r = &g_reach_report;

	if (r->state == REACH_NOT_ASKED)
		return;
	uint64_t frozen_ns = r->frozen_ns, clone_ns = r->clone_ns;

	if (j->is_copy)
		snap_copy_frozen(&frozen_ns, &clone_ns);
	snap_pair(o, FMT_AUDIT_REACH_FROZEN_NS, frozen_ns);
	snap_pair(o, FMT_AUDIT_REACH_CLONE_NS, clone_ns);
	if (r->state != REACH_MARKED)
		return;
	snap_pair(o, FMT_AUDIT_REACH_BLOCKS, r->blocks);
	snap_pair(o, FMT_AUDIT_REACH_THREADS, r->threads);
	snap_pair(o, FMT_AUDIT_REACH_INDEX_NS, r->index_ns);
	snap_pair(o, FMT_AUDIT_REACH_MARK_NS, r->mark_ns);
	snap_pair(o, FMT_AUDIT_REACH_WORDS, r->words);
	snap_pair(o, FMT_AUDIT_REACH_MEMORY, r->memory);
	snap_pair(o, FMT_AUDIT_REACH_ABSENT, r->absent);
}
