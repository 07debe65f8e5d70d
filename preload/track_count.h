/*
 * track_count.h - between track_heap.c and track_plain.c: how a context counts. Only its lessee
 * writes, with IN_TRACKER set; the snapshot child must never see half a number.
 */
#ifndef OUTLIVE_TRACK_COUNT_H
#define OUTLIVE_TRACK_COUNT_H

#include "arch.h"
#include "context_ages.h"

#define ADD(p, n) ARCH_ADD(p, n)

static inline void count_size(struct site *s, uint64_t bytes)
{
	uint32_t size = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;

	if (unlikely(size < s->size_min))
		__atomic_store_n(&s->size_min, size, __ATOMIC_RELAXED);
	if (unlikely(size > s->size_max))
		__atomic_store_n(&s->size_max, size, __ATOMIC_RELAXED);
}

static inline void count_alloc(struct ctx *c, struct site *s, uint64_t bytes)
{
	ADD(&s->bytes, bytes);
	ADD(&s->allocs, 1);
	ADD(&c->live, (int64_t)bytes);
}

/* Births have 31 bits. A birth may be a little ahead of another thread's clock. */
static inline uint32_t count_age(uint32_t birth, uint32_t now)
{
	uint32_t age = (now - birth) & 0x7fffffff;

	return age < 0x7fffffff - 1024 ? age : 0;
}

/* The rest of track_alloc_plain(), where the block is not yet in the table. */
void track_alloc_rest(struct ctx *c, uintptr_t a, uint32_t stack, size_t bytes);
/* The end of an event whose context says that something is due: clears IN_TRACKER. */
void count_leave_due(struct ctx *c);

#endif
