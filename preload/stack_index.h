/*
 * stack_index.h - the index of the tree of stacks: all nodes but the first child of each. Finding
 * is lock-free; adding is for who holds the tree's lock. For stack_tree.c and stack_memo.c only.
 */
#ifndef OUTLIVE_STACK_INDEX_H
#define OUTLIVE_STACK_INDEX_H

#include <stdbool.h>
#include <stdint.h>

enum {
	STACK_SHARDS_LOG2 = 7,
	STACK_SHARDS = 1 << STACK_SHARDS_LOG2,
	STACK_LINE = 16 /* slots in a cache line, in which siblings lie together */
};

/* A slot: 8 bits of a hash of what it is over a node's number; 0 free. */
struct stack_shard {
	uint32_t *slot; /* NULL: there is none yet */
	uint32_t mask;
};

/* Where a shard's slots lie, and in the bits below that the logarithm of how many: one word tells a
 * reader both. 0: none, they are made when needed, for few stacks touch few pages. */
extern uintptr_t g_stack_shard[STACK_SHARDS] __attribute__((visibility("hidden")));

static inline uint32_t stack_index_mix(uint64_t v)
{
	const uint32_t high = (uint32_t)(v * 0x9e3779b97f4a7c15ul >> 32);

	return high ^ high >> 15;
}

static inline unsigned stack_shard_of(uint32_t mixed)
{
	return mixed >> (32 - STACK_SHARDS_LOG2);
}

static inline struct stack_shard stack_shard_get(unsigned which)
{
	const uintptr_t v = __atomic_load_n(&g_stack_shard[which], __ATOMIC_ACQUIRE);

	return (struct stack_shard){(uint32_t *)(v & ~63ul), (1u << (v & 63)) - 1};
}

/*
 * Where a child is looked for: in its parent's line, and if all slots there are taken, from a place
 * of its own on until one is free. Its siblings are near: who was under a parent a moment ago comes
 * there again.
 */
static inline uint32_t *stack_line_of(struct stack_shard s, uint32_t mixed)
{
	return s.slot + (mixed & s.mask & ~(STACK_LINE - 1u));
}

/* Something will be looked for under `parent`. */
static inline void stack_index_prefetch(uint32_t parent)
{
	const uint32_t mixed = stack_index_mix(parent);
	const struct stack_shard s = stack_shard_get(stack_shard_of(mixed));

	__builtin_prefetch(stack_line_of(s, mixed)); /* of no shard, too: it does not fault */
}

/* 0: not there, or not yet seen by this thread. */
uint32_t stack_index_find(uint32_t parent, uint32_t what);
/* Is there room for one more child of `parent`? */
bool stack_index_ready(uint32_t parent);
/* A node whose parent and `what` are there, after stack_index_ready(). */
void stack_index_add(uint32_t node);
uint64_t stack_index_bytes(void);

#endif
