/*
 * live.c - the table of live blocks: put, take, find. Context: any thread, IN_TRACKER set.
 *
 * Shape. The address space is cut into spans of 1 kB. A span's entry in the directory (16 bytes,
 * found by address) leads to where its blocks are kept:
 *
 *   lines  a chain of cache lines of 5 slots, a block in any of them: 12.8 bytes a block, any size.
 *   way    where blocks are small and many: one word for each granule of 32 bytes, indexed by the
 *          address, for blocks under 256 bytes. 8 bytes a granule, one load to find.
 *   ways   three more words a granule, for allocators that put blocks 8 or 16 bytes apart.
 *
 * So it has the locality of the heap itself, costs little where blocks are large or few, and never
 * rehashes: nothing is ever moved, which is why a walk beside running threads shows a block that
 * stays exactly once, and why no call is long.
 *
 * Order. A slot that holds a block belongs to whoever may free that block: it is emptied by a plain
 * store. Empty words of ways are taken by compare-and-swap; slots of lines, and growth, under one
 * of 256 locks, by address. `mask` has the bit of each granule that may have a block in lines: it
 * is set before the block is, so a clear bit spares the search.
 */
#include "live_store.h"

#include <errno.h>

/* ---- ways ---- */

static inline uint64_t *way_at(uint32_t way, unsigned k, uintptr_t a)
{
	return (uint64_t *)live_unit(way) + k * LIVE_GRANULES + live_granule(a);
}

static inline bool way_is(uint64_t w, uintptr_t a)
{
	return w && live_way_low(w) == (a >> 3 & 3);
}

static inline uint64_t *way_find(const struct live_span *s, uintptr_t a, uint64_t *w)
{
	uint32_t way = LIVE_LOAD(&s->way), ways;
	uint64_t *at;

	if (!way)
		return NULL;
	at = way_at(way, 0, a);
	*w = LIVE_LOAD(at);
	if (likely(way_is(*w, a)))
		return at;
	ways = LIVE_LOAD(&s->ways);
	for (unsigned k = 0; ways && k < LIVE_MORE_WAYS; k++) {
		at = way_at(ways, k, a);
		*w = LIVE_LOAD(at);
		if (way_is(*w, a))
			return at;
	}
	return NULL;
}

static inline bool way_try(uint64_t *at, uint64_t w)
{
	uint64_t none = LIVE_LOAD(at);

	return !none &&
	       __atomic_compare_exchange_n(at, &none, w, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* False when all words of the granule are taken. The address is in none of them. */
static inline bool way_put(const struct live_span *s, uintptr_t a, uint64_t w)
{
	uint32_t way = LIVE_LOAD(&s->way), ways;

	if (!way)
		return false;
	if (likely(way_try(way_at(way, 0, a), w)))
		return true;
	ways = LIVE_LOAD(&s->ways);
	for (unsigned k = 0; ways && k < LIVE_MORE_WAYS; k++)
		if (way_try(way_at(ways, k, a), w))
			return true;
	return false;
}

/* ---- lines ---- */

static bool line_is(uint64_t w, uintptr_t a)
{
	return w && live_line_offset(w) == (a >> 3 & 127);
}

static uint64_t *line_find(const struct live_span *s, uintptr_t a, uint64_t *w, uint32_t *low)
{
	if (!(LIVE_LOAD(&s->mask) >> live_granule(a) & 1))
		return NULL;
	for (uint32_t i = LIVE_LOAD(&s->lines); i;) {
		struct live_line *l = live_unit(i);

		for (unsigned k = 0; k < LIVE_SLOTS; k++) {
			*w = LIVE_LOAD(&l->word[k]);
			if (!line_is(*w, a))
				continue;
			*low = __atomic_load_n(&l->size[k], __ATOMIC_RELAXED);
			return &l->word[k];
		}
		i = l->next;
	}
	return NULL;
}

/* What a span's lines hold, as seen under its lock: others may take out, only we put in. */
struct survey {
	struct live_line *room; /* a line with an empty slot, or NULL */
	unsigned slot;
	uint32_t mask, n_lines, n_blocks;
	uint64_t bytes;
};

static void line_survey(const struct live_span *s, struct survey *v)
{
	*v = (struct survey){0};
	for (uint32_t i = s->lines; i;) {
		struct live_line *l = live_unit(i);

		for (unsigned k = 0; k < LIVE_SLOTS; k++) {
			uint64_t w = LIVE_LOAD(&l->word[k]);

			if (!w) {
				v->room = l;
				v->slot = k;
				continue;
			}
			v->mask |= 1u << (live_line_offset(w) >> 2);
			v->n_blocks++;
			v->bytes += l->size[k];
		}
		v->n_lines++;
		i = l->next;
	}
}

/* ---- growth, under the span's lock ---- */

/* Bytes a block, with the allocator's own, below which a way costs less than lines. */
enum { DENSE = 93, ALLOCATORS_OWN = 16 };

static bool wants_way(const struct survey *v, const struct block *b)
{
	uint64_t n = v->n_blocks + 1;

	if (v->n_lines > 1)
		return true;
	/* The first line is full: by its sizes, will the span have many blocks in the end? */
	return v->n_lines == 1 && v->bytes + b->size + ALLOCATORS_OWN * n <= DENSE * n;
}

/* Gives the span a way, or more ways, where that is what it needs. */
static bool grow_ways(struct live_span *s, const struct survey *v, const struct block *b)
{
	const uint32_t way_units = LIVE_GRANULES * sizeof(uint64_t) / LIVE_UNIT;
	uint32_t *which = s->way ? &s->ways : &s->way;
	uint32_t index;

	if (b->size > LIVE_SMALL || *which || !wants_way(v, b))
		return false;
	index = live_store_units(which == &s->ways ? LIVE_MORE_WAYS * way_units : way_units);
	LIVE_STORE(which, index);
	return index != 0;
}

static bool grow_lines(struct live_span *s, uintptr_t a, struct survey *v)
{
	uint32_t index = live_store_units(1);

	if (!index)
		return false;
	if (!s->lines)
		live_store_touch(a);
	v->room = live_unit(index);
	v->slot = 0;
	v->room->next = s->lines;
	LIVE_STORE(&s->lines, index);
	return true;
}

/* The address is nowhere in the span. */
static int put_new(struct live_span *s, uintptr_t a, const struct block *b)
{
	bool small = b->size <= LIVE_SMALL;
	uint64_t size = b->size;
	struct survey v;

	line_survey(s, &v);
	LIVE_STORE(&s->mask, v.mask);
	if (small && way_put(s, a, live_way_word(a, b)))
		return 0;
	if (!v.room && grow_ways(s, &v, b) && way_put(s, a, live_way_word(a, b)))
		return 0;
	if (!v.room && !grow_lines(s, a, &v))
		return -ENOMEM;
	if (unlikely(size >= LIVE_HUGE) && live_huge_put(b->size, &size))
		return -ENOMEM;
	LIVE_STORE(&s->mask, v.mask | 1u << live_granule(a));
	/* The word last: a walk that sees it must see its size. One that sees the size of the next
	 * block in this slot looks at the word again, and finds it changed. */
	__atomic_store_n(&v.room->size[v.slot], (uint32_t)size, __ATOMIC_RELAXED);
	LIVE_STORE(&v.room->word[v.slot], live_line_word(a, b, size));
	return 0;
}

static inline bool take(struct live_span *s, uintptr_t a, struct block *out)
{
	uint64_t w, *at;
	uint32_t low = 0;

	if (likely(at = way_find(s, a, &w))) {
		live_way_block(w, out);
		LIVE_STORE(at, 0);
		return true;
	}
	if (!(at = line_find(s, a, &w, &low)))
		return false;
	live_line_block(w, low, out);
	LIVE_STORE(at, 0);
	live_huge_drop(w, low);
	return true;
}

static __attribute__((noinline)) int put_locked(struct live_span *s, uintptr_t a,
                                                const struct block *b, struct block *stale)
{
	struct sys_lock *lock = live_store_lock(a);
	bool was;
	int r;

	sys_lock(lock);
	was = take(s, a, stale);
	r = put_new(s, a, b);
	sys_unlock(lock);
	return was && !r ? 1 : r;
}

/* ---- what live.h offers ---- */

int live_put(uintptr_t address, const struct block *b, struct block *stale)
{
	struct live_region *r;
	struct live_span *s;

	stale->site = 0;
	if (unlikely(!live_valid(address) || !b->site || b->site >= LIVE_SITE_MAX))
		return -ENOMEM;
	r = LIVE_LOAD(&live_root[address >> LIVE_REGION_SHIFT]);
	if (unlikely(!r) && !(r = live_store_region(address)))
		return -ENOMEM;
	s = live_span_in(r, address);
	/* The usual case of small blocks: a way, and nothing of this granule in the lines. */
	if (b->size <= LIVE_SMALL && !(LIVE_LOAD(&s->mask) >> live_granule(address) & 1)) {
		uint64_t w;

		if ((!LIVE_LOAD(&s->ways) || !way_find(s, address, &w)) &&
		    way_put(s, address, live_way_word(address, b)))
			return 0;
	}
	return put_locked(s, address, b, stale);
}

static inline struct live_span *span_find(uintptr_t a)
{
	struct live_region *r =
	        live_valid(a) ? LIVE_LOAD(&live_root[a >> LIVE_REGION_SHIFT]) : NULL;

	return r ? live_span_in(r, a) : NULL;
}

bool live_take(uintptr_t address, struct block *out)
{
	struct live_span *s = span_find(address);

	return s && take(s, address, out);
}

bool live_find(uintptr_t address, struct block *out)
{
	struct live_span *s = span_find(address);
	uint64_t w;
	uint32_t low = 0;

	if (!s)
		return false;
	if (way_find(s, address, &w)) {
		live_way_block(w, out);
		return true;
	}
	if (!line_find(s, address, &w, &low))
		return false;
	live_line_block(w, low, out);
	return true;
}

void live_prefetch(uintptr_t address)
{
	struct live_span *s = span_find(address);
	uint32_t index;

	if (unlikely(!s))
		return;
	if ((index = LIVE_LOAD(&s->way)))
		__builtin_prefetch(way_at(index, 0, address), 1);
	else if ((index = LIVE_LOAD(&s->lines)))
		__builtin_prefetch(live_unit(index), 1);
}
