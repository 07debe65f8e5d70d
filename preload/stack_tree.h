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

int stack_tree_init(void);
/* The node of this frame under `parent` (0: outermost). 0 when there is no room. */
uint32_t stack_tree_child(uint32_t parent, uintptr_t ip, uint32_t meta);
/* The number of the stack that ends at a node. 0 when there is no room. */
uint32_t stack_tree_number(uint32_t node);
uint64_t stack_tree_bytes(void);
void stack_tree_fork_child(void);

#endif
