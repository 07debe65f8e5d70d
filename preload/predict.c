/*
 * predict.c - makes and keeps the records of predict.h. Owns each thread's pool of records: it is
 * bounded, for a thread and for all of them; when it is full the thread starts anew. Beyond a
 * first part a record is made only for a stack that was walked twice, so that a program with very
 * many stacks does not fill it for nothing; and where guesses mostly fail, guessing pauses.
 * Context: any thread, a signal handler too, IN_TRACKER set.
 */
#include "predict.h"

enum {
	POOL_LAST = 8 << PREDICT_OFFSET_BITS, /* of one thread; the first has all of it at once */
	POOL_FIRST = 1 << 19, /* of an early one: most need no more, and to grow is to copy */
	POOL_LATER = 1 << 17, /* of others: so that many have one */
	POOLS_ALL = 1 << 26,  /* of all */
	POOL_EARLY = 1 << 24, /* of those that are early */
	POOL_EAGER = 1 << 19, /* up to here a record is made when a stack is walked first */
	PAUSE = 8 * PREDICT_WINDOW,
	NONE = sizeof(struct record), /* at the pool's start: a record that never holds */
	OFFSETS = UINT16_MAX          /* words above sp that a record can reach */
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

static void pool_free(uint8_t *pool, size_t bytes)
{
	sys_unmap(pool, bytes);
	__atomic_sub_fetch(&g_pool_bytes, bytes, __ATOMIC_RELAXED);
}

void predict_none(struct stack_hot *h)
{
	static struct record none;
	static uint32_t line[PREDICT_LINE] __attribute__((aligned(128)));

	h->records = (uint8_t *)&none;
	h->line = line;
}

void predict_new(struct stack_cache *c)
{
	const uint64_t all = __atomic_load_n(&g_pool_bytes, __ATOMIC_RELAXED);
	uint32_t size = !all ? POOL_LAST : all < POOL_EARLY ? POOL_FIRST : POOL_LATER;
	uint8_t *pool = pool_new(size);
	struct predictor *p;

	if (!pool)
		pool = pool_new(size = POOL_LATER);
	p = pool ? sys_map(sizeof(*p)) : NULL;

	if (!p) {
		if (pool)
			pool_free(pool, size);
		return;
	}
	p->pool = pool;
	p->size = size;
	p->used = NONE;
	p->home = t_mem_own.top;
	c->hot.records = pool;
	c->hot.line = p->guess;
	c->hot.pause = 0;
	c->hot.predictor = p;
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

	h->line[(slot - h->line) ^ 1] = *slot;
	*slot = guess;
	h->predictor->after[after % PREDICT_AFTER] = guess;
	h->predictor->start[place % PREDICT_STARTS] = predict_at(offset, place);
}

/* predict_same() for a guess that mostly does not hold: four words at a time, from the caller
 * outward, since what differs is mostly near. */
static inline bool same(const struct record *e, uintptr_t sp)
{
	intptr_t i = -(intptr_t)e->n;
	const uint64_t *value = e->value - i;
	const uint16_t *offset = (const uint16_t *)value - i;

	do {
		uint64_t d = mem_word(sp + 8ul * offset[i]) ^ value[i];

		d |= mem_word(sp + 8ul * offset[i + 1]) ^ value[i + 1];
		d |= mem_word(sp + 8ul * offset[i + 2]) ^ value[i + 2];
		d |= mem_word(sp + 8ul * offset[i + 3]) ^ value[i + 3];
		if (d)
			return false;
		i += 4;
	} while (i);
	return true;
}

static inline __attribute__((always_inline)) bool
holds(const struct record *e, const struct caller *from, struct mem_window *mem)
{
	return e->ip == from->ip && (!e->sp || e->sp == from->sp) &&
	       mem_has(mem, from->sp + e->span - 8) && same(e, from->sp) &&
	       (likely(!e->rest) || predict_same_rest(e, from->sp, from->fp));
}

bool predict_holds(const struct record *e, const struct caller *from, struct mem_window *mem)
{
	return holds(e, from, mem);
}

HOT const struct record *predict_again(struct stack_hot *h, const struct caller *from,
                                       struct mem_window *mem, uint32_t place)
{
	const uint32_t after = predict_place_after(h, place);
	uint32_t *slot = predict_slot(h, after), *other = &h->line[(slot - h->line) ^ 1];
	const uint32_t first = predict_at(*slot, after),
	               last = predict_at(h->predictor->after[after % PREDICT_AFTER], after),
	               start = predict_at(h->predictor->start[place % PREDICT_STARTS], place);

	/* 0: the record that never holds. */
	const uint32_t offset[3] = {predict_at(*other, after), last == first ? 0 : last,
	                            start == first || start == last ? 0 : start};

	for (unsigned i = 0; i < 3; i++) {
		const struct record *e = predict_record(h, offset[i]);

		if (likely(!predict_is_offset(offset[i]) || !holds(e, from, mem)))
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

/* ---- making a record ---- */

static uint32_t record_bytes(unsigned n)
{
	return (uint32_t)(sizeof(struct record) + n * 10 + 15) & ~15u;
}

/* Room for a record of n words, or NULL: then everything was forgotten and there is room next time.
 */
static struct record *allocate(struct stack_hot *h, unsigned n)
{
	struct predictor *p = h->predictor;
	uint32_t bytes = record_bytes(n);

	if (p->size - p->used < bytes && p->size < POOL_LAST) {
		uint8_t *bigger = pool_new(2ul * p->size);

		if (bigger) {
			memcpy(bigger, p->pool, p->used);
			pool_free(p->pool, p->size);
			h->records = p->pool = bigger;
			p->size *= 2;
			p->ready = 0;
		}
	}
	if (p->size - p->used < bytes) {
		predict_flush(p);
		return NULL;
	}
	const uintptr_t e = (uintptr_t)p->pool + p->used, end = e + bytes;

	p->used += bytes;
	if (unlikely(end > p->ready))
		sys_populate_ahead(&p->ready, (uintptr_t)p->pool, end,
		                   (uintptr_t)p->pool + p->size);
	return (struct record *)e;
}

/* A record that is being filled: from the caller outward, since what differs is mostly near. */
struct filling {
	struct record *e;
	uintptr_t sp;
	uint64_t *value;
	uint16_t *offset;
	bool bad;
};

static void word(struct filling *s, uintptr_t at, uint64_t value)
{
	uintptr_t offset = at - s->sp;

	if (unlikely(offset % 8 || offset / 8 >= OFFSETS))
		s->bad = true;
	*s->value++ = value;
	*s->offset++ = (uint16_t)(offset / 8);
	if (offset + 8 > s->e->span)
		s->e->span = (uint32_t)offset + 8;
}

/* Words that are addresses on this stack: less `base`. */
static void fill_rel(struct filling *s, const struct stack_cache *c, const struct walk *next,
                     uintptr_t base)
{
	for (uint32_t i = c->kept[c->n_frames - 1].n_rel; i--;)
		word(s, c->rel[i].at, c->rel[i].value - base);
	if (next && next->cfa_at)
		word(s, next->cfa_at, next->sp - base);
}

/* The return addresses of all frames but the innermost. They lie farther and farther out. */
static void fill_plain(struct filling *s, const struct stack_cache *c)
{
	const uintptr_t base = s->sp + 8;
	uint64_t *value = s->value, odd = 0;
	uint16_t *to = s->offset;
	const uintptr_t *const sp = c->sp, *const ip = c->ip;
	uintptr_t last = 0;

	if (c->n_frames == 1)
		return;
#pragma GCC unroll 4
	for (size_t i = c->n_frames - 1; i--;) {
		last = sp[i] - base;
		odd |= last;
		*value++ = ip[i];
		*to++ = (uint16_t)(last / 8);
	}

	s->bad |= odd % 8 || last / 8 >= OFFSETS;
	s->e->span = (uint32_t)last + 8;
	s->value = value;
	s->offset = to;
}

static void fill(struct filling *s, const struct stack_cache *c, const struct walk *next)
{
	struct record *e = s->e;
	const uint64_t *end = e->value + e->n;

	s->value = e->value;
	s->offset = (uint16_t *)end;
	fill_plain(s, c);
	if (next)
		word(s, next->sp - 8, next->ip);
	if (e->sp)
		fill_rel(s, c, next, 0);
	for (; s->value < end; s->value++, s->offset++) {
		s->value[0] = s->value[-1];
		s->offset[0] = s->offset[-1];
	}
}

static uint32_t make(struct stack_cache *c, const struct caller *from, const struct walk *w,
                     enum walk_end end, uint32_t stack)
{
	struct predictor *p = c->hot.predictor;
	const struct frame_kept *innermost = &c->kept[c->n_frames - 1];
	const bool beyond = end == WALK_ZERO || end == WALK_TRUNCATED;
	const struct walk *next = beyond ? w : NULL;
	const unsigned n_rel = innermost->n_rel + (beyond && w->cfa_at);
	const unsigned n_plain = c->n_frames - 1 + beyond;
	/* As long as the stack is the same one, and where its frames lie on it elsewhere these
	 * words differ: the record may be for this place only, and all words are compared as they
	 * are. But the same cut stack is met at any depth. */
	const bool fixed = n_rel && end != WALK_TRUNCATED && w->mem.own && w->mem.hi == p->home;
	const unsigned n = (n_plain + (fixed ? n_rel : 0) + 3) & ~3u;
	const unsigned rest = fixed ? 0 : n_rel;
	struct record *e = n_plain ? allocate(&c->hot, n + rest + innermost->needs_bp) : NULL;

	if (!e)
		return 0;
	const uint32_t at = (uint32_t)((uint8_t *)e - p->pool);
	struct filling s = {.e = e, .sp = from->sp};

	*e = (struct record){
	        .ip = from->ip, .sp = fixed ? from->sp : 0, .stack = predict_mix(stack)};
	e->n = (uint16_t)n;
	e->rest = (uint16_t)(rest | (end == WALK_TRUNCATED ? RECORD_TRUNCATED : 0u) |
	                     (innermost->needs_bp ? RECORD_BP : 0u));
	fill(&s, c, next);
	s.value = (uint64_t *)s.offset;
	if (innermost->needs_bp)
		*s.value++ = from->fp - from->sp;
	s.offset = (uint16_t *)(s.value + rest);
	if (!fixed)
		fill_rel(&s, c, next, s.sp);
	if (s.bad) {
		p->used = at;
		return 0;
	}
	return at / 8;
}

/* The guess for this place is now what holds here: the stack's old record, or a new one. */
static __attribute__((noinline)) void learn(struct stack_cache *c, const struct caller *from,
                                            uint32_t place, struct walk *w, enum walk_end end,
                                            struct predict_seen *seen)
{
	if (!seen->record || !predict_holds(predict_record(&c->hot, seen->record), from, &w->mem)) {
		const uint32_t stack = seen->stack;

		/* This may forget all that was seen. */
		seen->record = make(c, from, w, end, stack);
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
		if (p->used > POOL_EAGER)
			return;
	}
	learn(c, from, place, w, end, seen);
}
