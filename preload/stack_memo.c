/*
 * stack_memo.c - comparing what is on the stack with what was: see stack_memo.h. Owns nothing.
 * Context: any thread, a signal handler too, IN_TRACKER set; on the thread's own stack only.
 */
#include "stack_memo.h"

/* All at once: mostly all hold. */
static bool all_hold(const struct stack_cache *c, uint32_t p)
{
	const struct frame *f = c->frame, *end = f + p;
	const struct frame_word *r = c->rel, *r_end = r + (p ? end[-1].n_rel : 0);
	uint64_t d = 0;

	for (; end - f >= 4; f += 4) {
		d |= mem_word(f[0].sp - 8) ^ f[0].ip;
		d |= mem_word(f[1].sp - 8) ^ f[1].ip;
		d |= mem_word(f[2].sp - 8) ^ f[2].ip;
		d |= mem_word(f[3].sp - 8) ^ f[3].ip;
	}
	for (; f < end; f++)
		d |= mem_word(f->sp - 8) ^ f->ip;
	for (; r < r_end; r++)
		d |= mem_word(r->at) ^ r->value;
	return !d;
}

static bool holds(const struct stack_cache *c, uint32_t i)
{
	const struct frame *f = &c->frame[i];
	uint32_t first = i ? f[-1].n_rel : 0;

	if (mem_word(f->sp - 8) != f->ip)
		return false;
	for (; first < f->n_rel; first++)
		if (mem_word(c->rel[first].at) != c->rel[first].value)
			return false;
	return true;
}

bool stack_memo_outer_holds(const struct stack_cache *c, uint32_t p, uint32_t *changed)
{
	if (likely(all_hold(c, p)))
		return true;
	do
		p--;
	while (p && holds(c, p));
	*changed = p;
	return false;
}
