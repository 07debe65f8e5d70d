/*
 * predict.h - guesses a stack and proves the guess. A record is a whole stack in a form that does
 * not depend on where it lies: which words a walk would read, at which offsets from sp, and what
 * they were. If all of them hold at another capture from the same place, a walk would read the very
 * same words and go the very same way: the guess is exact, and no rule was looked up. Which record
 * to try is told by the two stacks before it in this thread, by the caller and by how deep it is. A
 * predictor belongs to one thread. For stack*.c only.
 */
#ifndef OUTLIVE_PREDICT_H
#define OUTLIVE_PREDICT_H

#include "stack_walk.h"

enum {
	PREDICT_LINE = 32, /* guesses that one history chooses from */
	PREDICT_GUESSES = 1 << 16,
	PREDICT_STARTS = 1 << 12,
	PREDICT_SEEN = 1 << 13,
	PREDICT_REL = 0x8000,    /* in an offset: the word is compared relative to sp */
	PREDICT_WINDOW = 1 << 12 /* captures after which the hit rate is looked at */
};

struct record {
	uintptr_t ip;   /* the innermost frame's */
	uint64_t bp;    /* fp - sp, if the walk needs it */
	uint32_t stack; /* its number */
	uint32_t span;  /* bytes above sp that are looked at */
	uint16_t n;     /* words, a multiple of 4 */
	bool needs_bp;
	bool has_rel;
	uint32_t is_truncated;
	uint64_t value[]; /* n of them, then n 16-bit offsets in words */
};

/* A stack that was walked lately, and its record if it has one. */
struct predict_seen {
	uint32_t stack, record;
};

struct predictor {
	uint8_t *pool; /* records; a guess is an offset in 8 bytes, 0 none */
	uint32_t used, size;
	uint32_t *line;       /* for the next capture */
	uint32_t before;      /* the last stack */
	uint32_t tries, hits; /* in this window */
	uint32_t pause;       /* captures to go without predicting */
	struct predict_seen seen[PREDICT_SEEN];
	uint32_t start[PREDICT_STARTS]; /* record by place alone */
	uint32_t guess[PREDICT_GUESSES] __attribute__((aligned(128)));
};

/* NULL when there is no memory for one. */
struct predictor *predict_new(void);
/* Forgets everything: a module is gone. */
void predict_flush(struct predictor *p);
uint64_t predict_bytes(const struct predictor *p);

/* Where and how deep a capture is. */
static inline uint32_t predict_place(const struct caller *from, const struct mem_window *mem)
{
	uint64_t depth = mem->own ? mem->hi - from->sp : from->sp & 0xffff;

	return (uint32_t)((from->ip << 20 ^ depth) * 0x9e3779b97f4a7c15ul >> 32);
}

static inline uint32_t *predict_slot(struct predictor *p, uint32_t place)
{
	return &p->line[place / (UINT32_MAX / PREDICT_LINE + 1)];
}

/* What comes next is guessed by what was: fetch its line now. */
static inline void predict_note(struct predictor *p, uint32_t stack)
{
	uint64_t h = ((uint64_t)p->before << 32 | stack) * 0x9e3779b97f4a7c15ul;

	h = (h ^ h >> 32) * 0xd6e8feb86659fd93ul;
	p->before = stack;
	p->line = &p->guess[(h >> 32) % (PREDICT_GUESSES / PREDICT_LINE) * PREDICT_LINE];
	__builtin_prefetch(p->line);
	__builtin_prefetch(p->line + 16);
}

/* Does the record hold here? */
static inline bool predict_holds(const struct predictor *p, uint32_t r, const struct caller *from,
                                 struct mem_window *mem)
{
	const struct record *e = (const struct record *)(p->pool + 8ul * r);
	const uint16_t *offset = (const uint16_t *)(e->value + e->n);
	uintptr_t sp = from->sp;

	if (!r || e->ip != from->ip || !mem_has(mem, sp + e->span - 8) ||
	    (e->needs_bp && from->fp - sp != e->bp))
		return false;
	if (unlikely(e->has_rel)) {
		for (unsigned i = 0; i < e->n; i++) {
			uint64_t w = mem_word(sp + 8ul * (offset[i] & ~PREDICT_REL));

			if ((offset[i] & PREDICT_REL ? w - sp : w) != e->value[i])
				return false;
		}
		return true;
	}
	/* From the caller outward, since what differs is mostly near. */
	for (unsigned i = 0; i < e->n; i += 4) {
		uint64_t d = mem_word(sp + 8ul * offset[i]) ^ e->value[i];

		d |= mem_word(sp + 8ul * offset[i + 1]) ^ e->value[i + 1];
		d |= mem_word(sp + 8ul * offset[i + 2]) ^ e->value[i + 2];
		d |= mem_word(sp + 8ul * offset[i + 3]) ^ e->value[i + 3];
		if (d)
			return false;
	}
	return true;
}

/* A guess that holds: its stack, counted. */
static inline uint32_t predict_take(struct stack_cache *c, uint32_t r)
{
	const struct record *e = (const struct record *)(c->predictor->pool + 8ul * r);

	c->predictor->hits++;
	c->stats.predicted++;
	c->stats.truncated += e->is_truncated;
	return e->stack;
}

/* The second and third guess: what was here before, and what was at this place last. 0: none holds.
 */
uint32_t predict_again(struct predictor *p, const struct caller *from, struct mem_window *mem,
                       uint32_t place);
/*
 * The stack at this place was walked, and is `stack`: c->frame has it whole. w: where the walk
 * ended; it is the next frame outward if the end is not the top by the tables.
 */
void predict_learn(struct stack_cache *c, const struct caller *from, uint32_t place,
                   const struct walk *w, enum walk_end end, uint32_t stack);
/* A window is over: should we go on? */
void predict_judge(struct predictor *p);

#endif
