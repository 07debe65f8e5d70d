/*
 * stack_tree.h - the tree of stacks: a node is a frame under the frames outside of it; a stack is a
 * node at which a capture ended, and has a dense number. Nothing is ever taken out. Finding is
 * lock-free; the first sight of a node takes a lock. IN_TRACKER is set.
 */
#ifndef OUTLIVE_STACK_TREE_H
#define OUTLIVE_STACK_TREE_H

#include "stack.h"

enum { STACK_NODE_MAX = 1 << 24 };

/* A frame apart from its address: module, and FMT_NODE_ flags. */
static inline uint32_t stack_meta(uint32_t module, uint32_t flags)
{
	return module | flags << 16;
}

/* The hash of a whole path, by that of the path without its innermost frame: so that all places in
 * the index to which a stack leads can be fetched at once. 0 is the empty path's. */
static inline uint32_t stack_tree_hash(uint32_t outer, uintptr_t ip, uint32_t meta)
{
	uint64_t h =
	        (ip ^ (uint64_t)meta << 40) * 0x9e3779b97f4a7c15ul ^ outer * 0xd6e8feb86659fd93ul;

	return (uint32_t)((h ^ h >> 29) * 0xbf58476d1ce4e5b9ul >> 32);
}
void stack_tree_prefetch(uint32_t hash);
/* The node of this frame under `parent` (0: outermost). hash: of the path up to this frame. 0 when
 * there is no room. */
uint32_t stack_tree_child(uint32_t parent, uint32_t hash, uintptr_t ip, uint32_t meta);
/* The number of the stack that ends at a node. 0 when there is no room. */
uint32_t stack_tree_number(uint32_t node);
uint64_t stack_tree_bytes(void);
void stack_tree_fork_child(void);
/* Does a thread hold the lock? For who looks while all others stand still. */
bool stack_tree_is_busy(void);

#endif
