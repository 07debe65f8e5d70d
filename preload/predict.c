/*
 * predict.c - which record is tried, and what is remembered for the next time: see predict.h. Owns
 * each thread's guesses. Beyond a first part of the pool a record is made only for a stack that was
 * walked twice, so that a program with very many stacks does not fill it for nothing; and where
 * guesses mostly fail, guessing pauses. Context: any thread, a signal handler too, IN_TRACKER set.
 */
#include "predict.h"

enum {
	EAGER = 1 << 19, /* bytes of a pool up to which a record is made when a stack is walked
	                    first */
	PAUSE = 8 * PREDICT_WINDOW
};

void predict_flush(struct predictor *p)
{
	p->used = PREDICT_NONE;
	memset(p->seen, 0, sizeof(p->seen));
	memset(p->group, 0, sizeof(p->group));
	p->n_told = 0;
	memset(p->start, 0, sizeof(p->start));
	memset(p->after, 0, sizeof(p->after));
	memset(p->guess, 0, sizeof(p->guess));
}

uint64_t predict_bytes(const struct predictor *p)
{
	return p ? sizeof(*p) + p->used : 0;
}

void predict_judge(struct stack_hot *h)
{
	struct predictor *p = h->predictor;
	uint64_t n = h->captures;

	p->walks++;
	if (n - p->window < PREDICT_WINDOW)
		return;
	if (p->walks > (n - p->window) / 4 * 3) {
		h->pause = PAUSE;
		h->bytes = 0;
	}
	p->window = n;
	p->walks = 0;
}

/* For all kinds of guesses. */
static void remember(struct stack_hot *h, uint32_t place, uint32_t offset)
{
	const uint32_t after = predict_place_after(h, place);
	const uint32_t guess = predict_at(offset, after);
	uint32_t *slot = predict_slot(h, after);

	*predict_neighbour(h, slot) = *slot;
	*slot = guess;
	h->predictor->after[after % PREDICT_AFTER] = guess;
	h->predictor->start[place % PREDICT_STARTS] = predict_at(offset, place);
}

/* predict_same() for a guess that mostly does not hold: from the caller outward, since what differs
 * is mostly near. */
static inline bool same(const struct stack_hot *h, const struct record *e, uintptr_t sp)
{
	const uintptr_t base = sp + e->span - PREDICT_REACH;
	const uint32_t *at = e->at + e->n;

	for (intptr_t i = -(intptr_t)e->n; i; i++) {
		const struct arch_words *w = (const struct arch_words *)(h->records + at[i]);

		for (int k = ARCH_WORDS; k; k -= 4) {
			uint64_t d = mem_word(base + 8ul * w->offset[k - 1]) ^ w->value[k - 1];

			d |= mem_word(base + 8ul * w->offset[k - 2]) ^ w->value[k - 2];
			d |= mem_word(base + 8ul * w->offset[k - 3]) ^ w->value[k - 3];
			d |= mem_word(base + 8ul * w->offset[k - 4]) ^ w->value[k - 4];
			if (d)
				return false;
		}
	}
	return true;
}

static inline __attribute__((always_inline)) bool holds(const struct stack_hot *h,
                                                        const struct record *e,
                                                        const struct caller *from,
                                                        struct mem_window *mem)
{
	return e->ip == from->ip && (!e->sp || e->sp == from->sp) &&
	       mem_has(mem, from->sp + e->span - 8) && same(h, e, from->sp) &&
	       (likely(!e->rest) || predict_same_rest(e, from->sp, from->fp));
}

bool predict_holds(const struct stack_hot *h, const struct record *e, const struct caller *from,
                   struct mem_window *mem)
{
	return holds(h, e, from, mem);
}

HOT const struct record *predict_again(struct stack_hot *h, const struct caller *from,
                                       struct mem_window *mem, uint32_t place)
{
	const uint32_t after = predict_place_after(h, place);
	uint32_t *slot = predict_slot(h, after), *other = predict_neighbour(h, slot);
	const uint32_t first = predict_at(*slot, after),
	               last = predict_at(h->predictor->after[after % PREDICT_AFTER], after),
	               start = predict_at(h->predictor->start[place % PREDICT_STARTS], place);

	/* 0: the record that never holds. */
	const uint32_t offset[3] = {predict_at(*other, after), last == first ? 0 : last,
	                            start == first || start == last ? 0 : start};

	for (unsigned i = 0; i < 3; i++) {
		const struct record *e = predict_record(h, offset[i]);

		if (likely(!predict_is_offset(offset[i]) || !holds(h, e, from, mem)))
			continue;
		if (i) {
			remember(h, place, offset[i]);
		} else {
			const uint32_t guess = *other;

			*other = *slot;
			*slot = guess;
		}
		return e;
	}
	return NULL;
}

/* The guess for this place is now what holds here: the stack's old record, or a new one. */
static __attribute__((noinline)) void learn(struct stack_cache *c, const struct caller *from,
                                            uint32_t place, struct walk *w, enum walk_end end,
                                            struct predict_seen *seen)
{
	if (!seen->record ||
	    !predict_holds(&c->hot, predict_record(&c->hot, seen->record), from, &w->mem)) {
		const uint32_t stack = seen->stack;

		/* This may forget all that was seen. */
		seen->record = predict_make(c, from, w, end, stack);
		seen->stack = stack;
	}
	if (seen->record)
		remember(&c->hot, place, seen->record);
}

void predict_learn(struct stack_cache *c, const struct caller *from, uint32_t place, struct walk *w,
                   enum walk_end end, uint32_t stack)
{
	struct predictor *p = c->hot.predictor;
	struct predict_seen *seen = &p->seen[stack * 0x9e3779b9u % PREDICT_SEEN];

	if (seen->stack != stack) {
		*seen = (struct predict_seen){stack, 0};
		if (p->used > EAGER)
			return;
	}
	learn(c, from, place, w, end, seen);
}
