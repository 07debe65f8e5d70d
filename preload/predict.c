/*
 * predict.c - makes and keeps the records of predict.h. Owns each thread's pool of records: it is
 * bounded, for a thread and for all of them; when it is full the thread starts anew. Beyond a
 * first part a record is made only for a stack that was walked twice, so that a program with very
 * many stacks does not fill it for nothing; and where guesses mostly fail, guessing pauses.
 * Context: any thread, a signal handler too, IN_TRACKER set.
 */
#include "predict.h"

enum {
	POOL_FIRST = 1 << 17,
	POOL_LAST = 8 << PREDICT_OFFSET_BITS, /* of one thread */
	POOLS_ALL = 1 << 26,                  /* of all */
	POOL_EAGER = 1 << 19, /* up to here a record is made when a stack is walked first */
	PAUSE = 8 * PREDICT_WINDOW,
	NONE = sizeof(struct record), /* at the pool's start: a record that never holds */
	OFFSETS = 1 << 16             /* words above sp that a record can reach */
};

static uint64_t g_pool_bytes;

static uint8_t *pool_new(size_t bytes)
{
	if (__atomic_add_fetch(&g_pool_bytes, bytes, __ATOMIC_RELAXED) <= POOLS_ALL) {
		uint8_t *p = sys_map(bytes);

		if (p)
			return p;
	}
	__atomic_sub_fetch(&g_pool_bytes, bytes, __ATOMIC_RELAXED);
	return NULL;
}

struct predictor *predict_new(void)
{
	uint8_t *pool = pool_new(POOL_FIRST);
	struct predictor *p = pool ? sys_map(sizeof(*p)) : NULL;

	if (!p) {
		if (pool)
			sys_unmap(pool, POOL_FIRST);
		return NULL;
	}
	p->pool = pool;
	p->size = POOL_FIRST;
	p->used = NONE;
	p->line = p->guess;
	return p;
}

void predict_flush(struct predictor *p)
{
	p->used = NONE;
	memset(p->seen, 0, sizeof(p->seen));
	memset(p->start, 0, sizeof(p->start));
	memset(p->after, 0, sizeof(p->after));
	memset(p->guess, 0, sizeof(p->guess));
}

uint64_t predict_bytes(const struct predictor *p)
{
	return p ? sizeof(*p) + p->used : 0;
}

void predict_judge(struct predictor *p, uint64_t n)
{
	p->walks++;
	if (n - p->window < PREDICT_WINDOW)
		return;
	if (p->walks > (n - p->window) / 4 * 3)
		p->pause = PAUSE;
	p->window = n;
	p->walks = 0;
}

static uint32_t *after_slot(struct predictor *p, uint32_t place)
{
	return &p->after[(place ^ (uint32_t)(p->before >> 32)) % PREDICT_AFTER];
}

/* For all kinds of guesses. */
static void remember(struct predictor *p, uint32_t place, uint32_t guess)
{
	uint32_t *slot = predict_slot(p, place);

	p->line[(slot - p->line) ^ 1] = *slot;
	*slot = guess;
	*after_slot(p, place) = guess;
	p->start[place % PREDICT_STARTS] = guess;
}

const struct record *predict_again(struct predictor *p, const struct caller *from,
                                   struct mem_window *mem, uint32_t place)
{
	uint32_t *slot = predict_slot(p, place), *other = &p->line[(slot - p->line) ^ 1];
	uint32_t after = *after_slot(p, place), start = p->start[place % PREDICT_STARTS];

	const struct record *e = predict_try(p, *other, place, from, mem);

	if (e) {
		uint32_t guess = *other;

		*other = *slot;
		*slot = guess;
		return e;
	}
	e = after != *slot ? predict_try(p, after, place, from, mem) : NULL;
	if (e) {
		remember(p, place, after);
		return e;
	}
	e = start != *slot && start != after ? predict_try(p, start, place, from, mem) : NULL;
	if (e)
		remember(p, place, start);
	return e;
}

/* ---- making a record ---- */

static uint32_t record_bytes(unsigned n)
{
	return (uint32_t)(sizeof(struct record) + n * 10 + 7) & ~7u;
}

/* Room for a record of n words, or NULL: then everything was forgotten and there is room next time.
 */
static struct record *allocate(struct predictor *p, unsigned n)
{
	uint32_t bytes = record_bytes(n);

	if (p->size - p->used < bytes && p->size < POOL_LAST) {
		uint8_t *bigger = pool_new(2ul * p->size);

		if (bigger) {
			memcpy(bigger, p->pool, p->used);
			sys_unmap(p->pool, p->size);
			__atomic_sub_fetch(&g_pool_bytes, p->size, __ATOMIC_RELAXED);
			p->pool = bigger;
			p->size *= 2;
		}
	}
	if (p->size - p->used < bytes) {
		predict_flush(p);
		return NULL;
	}
	struct record *e = (struct record *)(p->pool + p->used);

	p->used += bytes;
	return e;
}

/* The words of a walk: those that are compared as they are, and those relative to sp. */
struct words {
	uintptr_t sp;
	unsigned n, n_rel, max; /* max: of each */
	bool bad;
	uint32_t span;
	uint64_t *value, *rel;
	uint16_t *offset, *rel_offset;
};

static void word(struct words *s, uintptr_t at, uint64_t value, bool is_rel)
{
	uintptr_t offset = at - s->sp;
	unsigned *n = is_rel ? &s->n_rel : &s->n;

	if (offset % 8 || offset / 8 >= OFFSETS || *n == s->max) {
		s->bad = true;
		return;
	}
	(is_rel ? s->rel : s->value)[*n] = is_rel ? value - s->sp : value;
	(is_rel ? s->rel_offset : s->offset)[*n] = (uint16_t)(offset / 8);
	++*n;
	if (offset + 8 > s->span)
		s->span = (uint32_t)offset + 8;
}

/* Where rbp comes from, seen from the frame at hand. */
struct bp_source {
	uintptr_t at;  /* 0: from the caller's register */
	bool is_known; /* checked already */
	bool from_register;
};

/* The step from frame a to the frame outside of it. */
static void words_of_step(struct words *s, struct bp_source *bp, const struct frame *a,
                          const struct frame *b)
{
	if ((a->how == RULE_RBP || a->how == RULE_DRAP) && !bp->is_known) {
		bp->is_known = true;
		if (bp->at)
			word(s, bp->at, a->bp, true);
		else
			bp->from_register = true;
	}
	if (b->cfa_at)
		word(s, b->cfa_at, b->sp, true);
	word(s, b->sp - 8, b->ip, false);
	if (b->bp_at) {
		bp->at = b->bp_at;
		bp->is_known = false;
	}
}

/* Moves what was noted together. */
static void pack(struct record *e, struct words *s)
{
	for (; s->n % 4; s->n++) {
		s->value[s->n] = s->value[s->n - 1];
		s->offset[s->n] = s->offset[s->n - 1];
	}
	uint64_t *rel = e->value + s->n;

	memmove(rel, s->rel, s->n_rel * sizeof(*rel));
	uint16_t *offset = (uint16_t *)(rel + s->n_rel);

	memmove(offset, s->offset, s->n * sizeof(*offset));
	memmove(offset + s->n, s->rel_offset, s->n_rel * sizeof(*offset));
	e->n = (uint16_t)s->n;
	e->n_rel = (uint16_t)s->n_rel;
}

/* The record goes where it is made, so that this needs no room of its own: a step adds a word as it
 * is, and at most two relative ones. */
static uint32_t make(struct stack_cache *c, const struct caller *from, const struct walk *w,
                     enum walk_end end, uint32_t stack)
{
	struct predictor *p = c->predictor;
	unsigned max = 2 * c->n_frames + 8;
	struct record *e = allocate(p, 2 * max);

	if (!e)
		return 0;
	uint32_t at = (uint32_t)((uint8_t *)e - p->pool);
	struct words s = {.sp = from->sp, .max = max - 4, .value = e->value, .rel = e->value + max};
	struct bp_source bp = {0, false, false};
	struct frame next = {
	        .ip = w->ip, .sp = w->sp, .bp = w->bp, .bp_at = w->bp_at, .cfa_at = w->cfa_at};

	s.offset = (uint16_t *)(s.rel + max);
	s.rel_offset = s.offset + max;
	for (uint32_t i = c->n_frames; i-- > 1;)
		words_of_step(&s, &bp, &c->frame[i], &c->frame[i - 1]);
	if (end == WALK_ZERO || end == WALK_TRUNCATED)
		words_of_step(&s, &bp, &c->frame[0], &next);
	if (s.bad || !s.n) {
		p->used = at;
		return 0;
	}
	pack(e, &s);
	p->used = at + record_bytes(s.n + s.n_rel);
	e->ip = from->ip;
	e->bp = from->fp - from->sp;
	e->stack = stack;
	e->span = s.span;
	e->extras = (bp.from_register ? RECORD_BP : 0u) |
	            (end == WALK_TRUNCATED ? RECORD_TRUNCATED : 0u);
	return at / 8;
}

void predict_learn(struct stack_cache *c, const struct caller *from, uint32_t place,
                   const struct walk *w, enum walk_end end, uint32_t stack)
{
	struct predictor *p = c->predictor;
	struct predict_seen *seen = &p->seen[stack * 0x9e3779b9u % PREDICT_SEEN];
	struct mem_window mem = w->mem;
	uint32_t r = 0;

	if (seen->stack != stack) {
		*seen = (struct predict_seen){stack, 0};
		if (p->used > POOL_EAGER)
			return;
	}
	mem.lo = from->sp;
	if (predict_holds(predict_record(p, seen->record), from, &mem))
		r = seen->record;
	if (!r) {
		r = make(c, from, w, end, stack);
		*seen = (struct predict_seen){stack, r};
	}
	if (!r)
		return;
	remember(p, place, predict_guess(r, place));
}
