/*
 * predict_record.c - makes the records of predict.h. Owns each thread's pool of them: it is
 * bounded, for a thread and for all of them; when it is full the thread starts anew. Context: any
 * thread, a signal handler too, IN_TRACKER set.
 */
#include "predict.h"

enum {
	POOL_LAST = 8 << PREDICT_OFFSET_BITS, /* of one thread; the first has all of it at once */
	POOL_FIRST = 1 << 19, /* of an early one: most need no more, and to grow is to copy */
	POOL_LATER = 1 << 17, /* of others: so that many have one */
	POOLS_ALL = 1 << 26,  /* of all */
	POOL_EARLY = 1 << 24, /* of those that are early */
	LINE = 64             /* of the cache */
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
	p->used = PREDICT_NONE;
	p->home = t_mem_own.top;
	c->hot.records = pool;
	c->hot.line = p->guess;
	c->hot.pause = 0;
	c->hot.predictor = p;
}

/* Room in the pool for so many bytes: false when everything was forgotten, and there is room next
 * time. */
static bool has_room(struct stack_hot *h, uint32_t bytes)
{
	struct predictor *p = h->predictor;

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
		return false;
	}
	const uintptr_t end = (uintptr_t)p->pool + p->used + bytes;

	if (unlikely(end > p->ready))
		sys_populate_ahead(&p->ready, (uintptr_t)p->pool, end,
		                   (uintptr_t)p->pool + p->size);
	return true;
}

/* The next in the pool, in bytes. What fits in a cache line does not lie in two. */
static uint32_t next_at(struct predictor *p, uint32_t bytes)
{
	uint32_t at = p->used;

	if (bytes <= LINE && at % LINE + bytes > LINE)
		at = (at + LINE - 1) & -(uint32_t)LINE;
	p->used = at + bytes;
	return at;
}

/* A record whose words are being told, the outermost first. */
struct filling {
	struct predictor *p;
	uint32_t *end; /* of the record's list */
	uintptr_t base;
	uintptr_t odd;  /* bits of a word's offset that it may not have */
	uint32_t n;     /* groups that were told */
	uint32_t words; /* in the next one */
	uint32_t skip;  /* words that need not be told again */
	struct arch_words group;
};

/* Where the group lies in the pool, which may have it already. */
static uint32_t group_at(struct predictor *p, const struct arch_words *g)
{
	uint64_t word[sizeof(*g) / 8], h = 0, differ = 0;

	memcpy(word, g, sizeof(word));
	for (size_t i = 0; i < sizeof(*g) / 8; i++)
		h += word[i] * (PLACE_FACTOR + 2 * i);

	uint32_t *slot = &p->group[h >> 32 & (PREDICT_GROUPS - 1)];
	const uint64_t *old = (const uint64_t *)(p->pool + *slot);

	for (size_t i = 0; i < sizeof(*g) / 8; i++)
		differ |= old[i] ^ word[i];
	if (!*slot || differ) {
		*slot = next_at(p, sizeof(*g));
		memcpy(p->pool + *slot, g, sizeof(*g));
	}
	return *slot;
}

static inline void group_end(struct filling *s)
{
	s->words = 0;
	if (unlikely(s->odd))
		return;

	const uint32_t at = group_at(s->p, &s->group);

	if (s->n < PREDICT_TOLD)
		s->p->told[s->n] = at;
	*(s->end - ++s->n) = at;
}

static inline void put(struct filling *s, uint32_t i, uintptr_t at, uint64_t value)
{
	const uintptr_t offset = at - s->base;

	s->odd |= offset & ~(PREDICT_REACH - 8ul);
	s->group.value[i] = value;
	s->group.offset[i] = (uint16_t)(offset / 8);
}

static void word(struct filling *s, uintptr_t at, uint64_t value)
{
	if (s->skip) {
		s->skip--;
		return;
	}
	put(s, s->words, at, value);
	if (++s->words == ARCH_WORDS)
		group_end(s);
}

static void fill_end(struct filling *s)
{
	if (!s->words)
		return;
	for (uint32_t i = s->words; i < ARCH_WORDS; i++) {
		s->group.value[i] = s->group.value[i - 1];
		s->group.offset[i] = s->group.offset[i - 1];
	}
	group_end(s);
}

/* The return addresses of all frames but the innermost. */
static void fill_plain(struct filling *s, const struct stack_cache *c, const struct walk *next)
{
	const uint32_t end = c->n_frames - 1;
	uint32_t i = s->skip;

	if (next) {
		word(s, next->sp - 8, next->ip);
	} else {
		for (; i + ARCH_WORDS <= end; i += ARCH_WORDS) {
			for (uint32_t k = 0; k < ARCH_WORDS; k++)
				put(s, k, c->sp[i + k] - 8, c->ip[i + k]);
			group_end(s);
		}
	}
	s->skip = 0;
	for (; i < end; i++)
		word(s, c->sp[i] - 8, c->ip[i]);
	fill_end(s);
}

/* And the words beside them by which a walk goes on. */
static void fill_all(struct filling *s, const struct stack_cache *c, const struct walk *next)
{
	const intptr_t innermost = c->n_frames - 1;
	intptr_t i = 0;

	if (next && next->cfa_at)
		word(s, next->cfa_at, next->sp);
	if (next)
		word(s, next->sp - 8, next->ip);
	if (s->skip) {
		i = s->skip < innermost ? s->skip : innermost;
		while (i + c->kept[i - 1].n_rel > s->skip)
			i--;
		s->skip -= (uint32_t)i + c->kept[i - 1].n_rel;
	}
	for (uint32_t r = c->kept[i - 1].n_rel;; i++) {
		for (; r < c->kept[i].n_rel; r++)
			word(s, c->rel[r].at, c->rel[r].value);
		if (i == innermost)
			break;
		word(s, c->sp[i] - 8, c->ip[i]);
	}
	fill_end(s);
}

/* next: the next frame outward if that was told. all: with the words that lead on. */
static void fill(struct filling *s, struct stack_cache *c, const struct walk *next, bool all)
{
	struct predictor *p = s->p;
	/* Frames that are as they were when the last record was made. Of the innermost of them
	 * other words may count. */
	const intptr_t same = (intptr_t)c->n_same - 1;

	if (!next && same > 0 && p->told_base == s->base && p->told_all == all) {
		const uint32_t words = (uint32_t)same + (all ? c->kept[same - 1].n_rel : 0);
		const uint32_t n = words / ARCH_WORDS < p->n_told ? words / ARCH_WORDS : p->n_told;

		for (; s->n < n; s->n++)
			*(s->end - s->n - 1) = p->told[s->n];
		s->skip = n * ARCH_WORDS;
	}
	(all ? fill_all : fill_plain)(s, c, next);
	p->n_told = s->odd || next ? 0 : s->n < PREDICT_TOLD ? s->n : PREDICT_TOLD;
	p->told_base = s->base;
	p->told_all = all;
	c->n_same = c->n_frames;
}

/* The words that are compared relative to sp. False: one cannot be told. */
static bool fill_rest(struct record *e, const struct stack_cache *c, const struct caller *from,
                      const struct walk *next, unsigned n)
{
	uint64_t *value = (uint64_t *)predict_rest(e);
	uintptr_t odd = 0;

	if (e->rest & RECORD_BP)
		*value++ = from->fp - from->sp;

	uint16_t *offset = (uint16_t *)(value + n);

	for (uint32_t i = 0; i < n; i++) {
		const bool is_next = next && next->cfa_at && i == n - 1;
		const uintptr_t at = (is_next ? next->cfa_at : c->rel[i].at) - from->sp;

		odd |= at & ~(PREDICT_REACH - 8ul);
		offset[i] = (uint16_t)(at / 8);
		value[i] = (is_next ? next->sp : c->rel[i].value) - from->sp;
	}
	return !odd;
}

/* Up to where words of this stack lie, from sp on. */
static uintptr_t extent(const struct stack_cache *c, const struct walk *next, uintptr_t sp)
{
	uintptr_t end = next ? next->sp : c->sp[0];

	if (next && next->cfa_at >= end)
		end = next->cfa_at + 8;
	for (uint32_t i = 0; i < c->kept[c->n_frames - 1].n_rel; i++)
		if (c->rel[i].at >= end)
			end = c->rel[i].at + 8;
	return end - sp;
}

uint32_t predict_make(struct stack_cache *c, const struct caller *from, const struct walk *w,
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
	const unsigned n = (n_plain + (fixed ? n_rel : 0) + ARCH_WORDS - 1) / ARCH_WORDS;
	const unsigned rest = fixed ? 0 : n_rel;
	const uint32_t bytes = (uint32_t)(sizeof(struct record) + n * 4ul + 4 +
	                                  8 * innermost->needs_bp + rest * 10ul + 15) &
	                       ~15u;
	/* From the stack's own end, so that all stacks tell their outer words alike; if that is too
	 * far from here, or where the stack was cut, from its outermost word. */
	uintptr_t span = w->mem.own && end != WALK_TRUNCATED ? (w->mem.hi - from->sp) & ~7ul
	                                                     : PREDICT_REACH + 1;

	if (span > PREDICT_REACH)
		span = extent(c, next, from->sp);
	if (!n_plain || span > PREDICT_REACH ||
	    !has_room(&c->hot, bytes + LINE + n * (uint32_t)sizeof(struct arch_words)))
		return 0;

	const uint32_t before = p->used, at = next_at(p, bytes);
	struct record *e = (struct record *)(p->pool + at);
	struct filling s = {.p = p, .end = e->at + n, .base = from->sp + span - PREDICT_REACH};

	*e = (struct record){.ip = from->ip,
	                     .sp = fixed ? from->sp : 0,
	                     .stack = predict_mix(stack),
	                     .span = (uint32_t)span,
	                     .n = (uint16_t)n};
	e->rest = (uint16_t)(rest | (end == WALK_TRUNCATED ? RECORD_TRUNCATED : 0u) |
	                     (innermost->needs_bp ? RECORD_BP : 0u));
	fill(&s, c, next, fixed);
	if (s.odd || !fill_rest(e, c, from, next, rest)) {
		/* Groups that are new stay, for others. */
		if (p->used == at + bytes)
			p->used = before;
		return 0;
	}
	return at / 8;
}
