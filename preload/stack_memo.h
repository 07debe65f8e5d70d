/*
 * stack_memo.h - the last stack that a thread was walked with: a walk goes up only to the first
 * frame that it has in common with it, if all words that led outward from there are as they were.
 * They are the return addresses, and of the others those that are used: most saved frame pointers
 * are only restored. For stack*.c only.
 */
#ifndef OUTLIVE_STACK_MEMO_H
#define OUTLIVE_STACK_MEMO_H

#include "stack_tree.h"

/* Frame i, outside of which all are noted, has what it was reached by: what must hold for it is
 * noted. */
static inline void stack_memo_note(struct stack_cache *c, uint32_t i)
{
	struct frame *f = &c->frame[i];
	const struct frame *outer = i ? f - 1 : NULL;
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

/* Is the walk, which has found n frames, at a frame of the last one, and would go on as that did?
 * Frames below *left are still to be compared; then it is the number of frames that are joined. */
static inline bool stack_memo_joins(const struct stack_cache *c, const struct walk *w, uint32_t n,
                                    uint32_t *left)
{
	while (*left && c->frame[*left - 1].sp < w->sp)
		--*left;
	if (!*left)
		return false;
	uint32_t p = *left - 1, changed;
	const struct frame *f = &c->frame[p];

	if (f->sp != w->sp || f->ip != w->ip || (f->needs_bp && f->bp != w->bp))
		return false;
	if (n + *left > c->depth) {
		*left = 0;
		return false;
	}
	if (n)
		stack_tree_prefetch(f->node);
	if (stack_memo_outer_holds(c, p, &changed))
		return true;
	*left = changed;
	return false;
}

#endif
