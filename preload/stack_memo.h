/*
 * stack_memo.h - the last stack that a thread was walked with: a walk goes up only to the first
 * frame that it has in common with it, if all words that led outward from there are as they were.
 * They are the return addresses, and of the others those that are used: most saved frame pointers
 * are only restored. For stack*.c only.
 */
#ifndef OUTLIVE_STACK_MEMO_H
#define OUTLIVE_STACK_MEMO_H

#include "stack_tree.h"

/*
 * The walk, which has found n frames, is at frame p of the last one: would it go on as that did?
 * If not, *left is how many of the outermost frames it may yet meet. They all lie on this thread's
 * own stack, so looking is safe.
 */
bool stack_memo_joins(const struct stack_cache *c, struct walk *w, uint32_t n, uint32_t p,
                      uint32_t *left);

/* The walk's n frames, by some of which it went on by bp, take their place in front of the joined
 * ones; what must hold for each, and for the last of the joined, is noted. */
void stack_memo_note_bp(struct stack_cache *c, struct walk *w, uint32_t n, uint32_t joined);

/* The same, whatever they went by. */
static inline void stack_memo_note(struct stack_cache *c, struct walk *w, uint32_t n,
                                   uint32_t joined)
{
	struct frame_kept *kept = c->kept + joined;

	c->n_frames = joined + n;
	if (unlikely((w->uses_bp || kept[-1].needs_bp) && w->is_plain)) {
		stack_memo_note_bp(c, w, n, joined);
		return;
	}

	const struct frame_kept as = {.n_rel = kept[-2].n_rel};
	const struct frame *const fresh = c->fresh, *f = fresh + n;
	uintptr_t *sp = c->sp + joined, *ip = c->ip + joined;

	kept[-1].n_rel = as.n_rel;
	for (size_t i = 0; f != fresh; i++) {
		f--;
		sp[i] = f->sp;
		ip[i] = f->ip;
		memcpy(&kept[i], &as, sizeof(as)); /* at once */
	}
}

#endif
