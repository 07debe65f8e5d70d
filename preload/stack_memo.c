/*
 * stack_memo.c - comparing what is on the stack with what was: see stack_memo.h. Owns nothing.
 * Context: any thread, a signal handler too, IN_TRACKER set; on the thread's own stack only.
 */
#include "stack_memo.h"

#include "stack_index.h"
#include "stack_node.h"

typedef uint64_t pair __attribute__((vector_size(16)));

static inline __attribute__((always_inline)) pair changes(const uintptr_t *sp, const uintptr_t *ip)
{
	return (pair){mem_word(sp[0] - 8), mem_word(sp[1] - 8)} ^ *(const pair *)ip;
}

/* The frames outside of frame p, and perhaps that one. All at once: mostly all hold. */
static inline bool all_hold(const struct stack_cache *c, uint32_t p)
{
	const intptr_t n = (p + 1) & ~1u;
	const uintptr_t *sp = c->sp + n, *ip = c->ip + n;
	const struct frame_word *r = c->rel, *r_end = r + c->kept[(intptr_t)p - 1].n_rel;
	intptr_t i = -n;
	pair d = {0, 0};

	for (; i % 8; i += 2)
		d |= changes(sp + i, ip + i);
	for (; i; i += 8) {
		d |= changes(sp + i, ip + i) | changes(sp + i + 2, ip + i + 2);
		d |= changes(sp + i + 4, ip + i + 4) | changes(sp + i + 6, ip + i + 6);
	}

	uint64_t differ = d[0] | d[1];

	for (; r < r_end; r++)
		differ |= mem_word(r->at) ^ r->value;
	return !differ;
}

static bool holds(const struct stack_cache *c, uint32_t i)
{
	if (mem_word(c->sp[i] - 8) != c->ip[i])
		return false;
	for (uint32_t k = c->kept[(intptr_t)i - 1].n_rel; k < c->kept[i].n_rel; k++)
		if (mem_word(c->rel[k].at) != c->rel[k].value)
			return false;
	return true;
}

/* Not all of the frames outside of frame p hold, perhaps: as stack_memo_joins(). */
static __attribute__((noinline)) bool joins_still(const struct stack_cache *c, uint32_t p,
                                                  uint32_t *left)
{
	while (p--)
		if (!holds(c, p)) {
			*left = p;
			return false;
		}
	return true;
}

static inline bool has_bp(const struct stack_cache *c, struct walk *w, uint32_t n, uint32_t p)
{
	return stack_by(c, w, n, c->sp[p])->bp == c->bp[p];
}

HOT bool stack_memo_joins(const struct stack_cache *c, struct walk *w, uint32_t n, uint32_t p,
                          uint32_t *left)
{
	const struct frame_kept *k = &c->kept[p];

	__builtin_prefetch(node_at(k->node));
	stack_index_prefetch(k->node);
	if (unlikely(n + p + 1 > c->depth)) {
		*left = 0;
		return false;
	}
	if (unlikely(k->needs_bp) && !has_bp(c, w, n, p)) {
		*left = p;
		return false;
	}
	return likely(all_hold(c, p)) || joins_still(c, p, left);
}

/* The words by which a frame was reached, which is at sp, are those of the next one outward and its
 * own. */
static inline void note(struct stack_cache *c, struct frame_kept *k, const struct frame_by *by,
                        uintptr_t sp)
{
	uint16_t n = k[-1].n_rel;

	if (by->bp_at && k->needs_bp)
		c->rel[n++] = (struct frame_word){by->bp_at, by->bp};
	if (unlikely(by->cfa_at))
		c->rel[n++] = (struct frame_word){by->cfa_at, sp};
	k->n_rel = n;
}

void stack_memo_note_bp(struct stack_cache *c, struct walk *w, uint32_t n, uint32_t joined)
{
	const struct frame *const fresh = c->fresh, *f = fresh + n;
	struct frame_kept *k = c->kept + joined;
	uintptr_t *sp = c->sp + joined, *ip = c->ip + joined, *bp = c->bp + joined;
	/* Of the next one outward, if there is one. */
	const struct frame_by *by =
	        joined ? stack_by(c, w, n, sp[-1]) : stack_by(c, w, n - 1, f[-1].sp) + 1;

	/* That was reached by other words this time: those are what to look at next time. */
	if (joined) {
		bp[-1] = by->bp;
		note(c, k - 1, by, sp[-1]);
	}
	for (size_t i = 0; f != fresh; i++, k++) {
		const enum rule_how how = rule_how((--f)->rule);
		/* Used by this frame, or by the next one outward and not read anew on the way. */
		const bool needs =
		        how == RULE_RBP || how == RULE_DRAP || (k[-1].needs_bp && !by->bp_at);

		by--;
		sp[i] = f->sp;
		ip[i] = f->ip;
		bp[i] = by->bp;
		*k = (struct frame_kept){.needs_bp = needs};
		note(c, k, by, f->sp);
	}
}
