/*
 * stack_node.h - nodes of the tree of stacks, in chunks that never move: for stack_tree.c, which
 * owns them, and for the index of those that are not their parent's first child.
 */
#ifndef OUTLIVE_STACK_NODE_H
#define OUTLIVE_STACK_NODE_H

#include "stack_tree.h"

enum {
	STACK_NODES_LOG2 = 14, /* of a chunk */
	STACK_NODES = 1 << STACK_NODES_LOG2
};

/* struct stack_kept, first: a child's number, under 7 bits of a hash of what it is, and FURTHER; 0
 * none. */
#define FURTHER (1u << 31) /* there are others, in the index */

extern struct stack_kept *g_stack_nodes[STACK_NODE_MAX / STACK_NODES]
        __attribute__((visibility("hidden")));

static inline struct stack_kept *node_at(uint32_t n)
{
	return &g_stack_nodes[n >> STACK_NODES_LOG2][n & (STACK_NODES - 1)];
}

static inline uint32_t hash_what(uint32_t what)
{
	return what * 0x9e3779b1u;
}

#endif
