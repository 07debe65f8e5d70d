/*
 * stack_hot.h - the usual case of stack_capture(), inline, for stack.c and track_plain.c: the first
 * guess holds. IN_TRACKER is set.
 */
#ifndef OUTLIVE_STACK_HOT_H
#define OUTLIVE_STACK_HOT_H

#include "predict.h"

/* The stack at this place, as a record, if it is e: predict_first(). NULL, and nothing has changed:
 * then it is stack_capture_otherwise(). */
static inline __attribute__((always_inline)) struct record *
stack_capture_hot(struct stack_cache *c, struct record *e, uintptr_t ip, uintptr_t sp, uintptr_t fp)
{
	struct stack_hot *h = &c->hot;
	const uintptr_t above = h->top - sp;

	if (unlikely(above - 1 >= h->bytes ||
	             h->epoch != __atomic_load_n(&g_module_epoch, __ATOMIC_ACQUIRE) ||
	             e->ip != ip || !predict_fits(e, sp, above) || !predict_same(h, e, sp)))
		return NULL;
	if (unlikely(e->rest)) {
		if (!predict_same_rest(e, sp, fp))
			return NULL;
		c->stats.truncated += (e->rest & RECORD_TRUNCATED) != 0;
	}
	h->captures++;
	predict_note(h, e->word);
	return e;
}

/* What stack_capture() does where no guess was made, or the first did not hold. */
uint32_t stack_capture_otherwise(struct stack_cache *c, const struct caller *from);

#endif
