/*
 * stack_tree.h - the tree of stacks: a node is a frame under the frames outside of it; a stack is a
 * node at which a capture ended, and has a dense number. Nothing is ever taken out. Finding is
 * lock-free; the first sight of a node takes a lock. IN_TRACKER is set.
 */
#ifndef OUTLIVE_STACK_TREE_H
#define OUTLIVE_STACK_TREE_H

#include "stack_walk.h"

/*
 * Gives each of n frames its node, in kept[]: frame[0] is the innermost, kept[0] is of the
 * outermost, which is under `parent` (0: none is outside of it). *number: of the stack that ends at
 * the innermost, or at `parent` if there are no frames; 0 when there is no room for it. False when
 * there is none for the nodes.
 */
bool stack_tree_path(uint32_t parent, const struct frame *frame, uint32_t n,
                     struct frame_kept *kept, uint32_t *number);
uint64_t stack_tree_bytes(void);
void stack_tree_fork_child(void);
/* Does a thread hold the lock? For who looks while all others stand still. */
bool stack_tree_is_busy(void);

#endif
