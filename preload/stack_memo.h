/*
 * stack_memo.h - the last stack that a thread was walked with: a walk goes up only to the first
 * frame that it has in common with it, if all words that led outward from there are as they were.
 * They are the return addresses, and of the others those that are used: most saved frame pointers
 * are only restored. For stack*.c only.
 */
#ifndef OUTLIVE_STACK_MEMO_H
#define OUTLIVE_STACK_MEMO_H

#include "stack_tree.h"

/* f is a frame of c->frame, outside of which all are noted, and has what it was reached by: what
 * must hold for it is noted. */
static inline void stack_memo_note(struct stack_cache *c, struct frame *f)
{
	const struct frame *outer = f != c->frame ? f - 1 : NULL;
	uint16_t n = outer ? outer->n_rel : 0;

	f->needs_bp = f->how == RULE_RBP || f->how == RULE_DRAP ||
	              (outer && !outer->bp_at && outer->needs_bp);
	if (unlikely(f->bp_at && f->needs_bp))
		c->rel[n++] = (struct frame_word){f->bp_at, f->bp};
	if (unlikely(f->cfa_at))
		c->rel[n++] = (struct frame_word){f->cfa_at, f->sp};
	f->n_rel = n;
}

/* Are the frames outside of frame[p] reached by the same words as last time? If not, *changed is
 * the innermost that is not. They all lie on this thread's own stack, so looking is safe. */
bool stack_memo_outer_holds(const struct stack_cache *c, uint32_t p, uint32_t *changed);

/* Is the walk, which has found the frames in c->fresh before `fresh`, at a frame of the last one,
 * and would go on as that did? Frames before *left are still to be compared; then they are those
 * that are joined. */
static inline __attribute__((always_inline)) bool stack_memo_joins(const struct stack_cache *c,
                                                                   const struct walk_at *w,
                                                                   const struct frame *fresh,
                                                                   const struct frame **left)
{
	const struct frame *f = *left;
	uint32_t changed;

	while (f[-1].sp < w->sp)
		if (--f == c->frame)
			break;
	*left = f;
	if (f == c->frame)
		return false;
	f--;
	if (f->sp != w->sp || f->ip != w->ip || (f->needs_bp && f->bp != w->bp))
		return false;
	if ((fresh - c->fresh) + (*left - c->frame) > c->depth) {
		*left = c->frame;
		return false;
	}
	if (fresh != c->fresh)
		stack_tree_prefetch(f->node);
	if (stack_memo_outer_holds(c, (uint32_t)(f - c->frame), &changed))
		return true;
	*left = c->frame + changed;
	return false;
}

#endif
