/*
 * live.c - the table of live blocks: put, take, find. Context: any thread, IN_TRACKER set.
 *
 * Shape. The address space is cut into spans of 1 kB. A span's entry in the directory (16 bytes,
 * found by address) leads to where its blocks are kept:
 *
 *   lines  a chain of cache lines of 5 slots, 12.8 bytes a block, any size. Four slots of the first
 *          line are for a quarter of the span each; what finds its slot taken goes anywhere.
 *   way    where blocks are small and many: one word for each granule of 32 bytes, indexed by the
 *          address, for blocks under 256 bytes. 8 bytes a granule.
 *   ways   three more words a granule, for allocators that put blocks 8 or 16 bytes apart.
 *
 * So it has the locality of the heap itself, costs little where blocks are large or few, and never
 * rehashes: nothing is ever moved, which is why a walk beside running threads shows a block that
 * stays exactly once, and why no call is long. tests/bench/live_bench.c has two other shapes.
 *
 * Order. A slot that holds a block belongs to whoever may free that block: it is emptied by a plain
 * store. Empty slots are taken by compare-and-swap. Only growth takes a lock, one of 64, by
 * address. Most blocks are at home: in their granule's word of the way, or in their quarter's slot.
 * `mask` has the bit of each granule that ever had one elsewhere, set before the block is there: a
 * clear bit spares the search.
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
	return w && !((w >> LIVE_WAY_LOW_SHIFT ^ a >> 3) & 3);
}

static uint64_t *ways_find(const struct live_span *s, uintptr_t a)
{
	uint32_t way = LIVE_LOAD(&s->way), ways = LIVE_LOAD(&s->ways);

	if (way && way_is(LIVE_LOAD(way_at(way, 0, a)), a))
		return way_at(way, 0, a);
	for (unsigned k = 0; ways && k < LIVE_MORE_WAYS; k++)
		if (way_is(LIVE_LOAD(way_at(ways, k, a)), a))
			return way_at(ways, k, a);
	return NULL;
}

static inline bool way_try(uint64_t *at, uint64_t w)
{
	uint64_t none = LIVE_LOAD(at);

	return !none &&
	       __atomic_compare_exchange_n(at, &none, w, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Before a block is put anywhere but at home. */
static void away(struct live_span *s, uintptr_t a)
{
	uint32_t bit = 1u << live_granule(a);

	if (!(LIVE_LOAD(&s->mask) & bit))
		__atomic_fetch_or(&s->mask, bit, __ATOMIC_ACQ_REL);
}

/* False when all words of the granule are taken. The address is in none of them. */
static bool ways_put(struct live_span *s, uintptr_t a, const struct block *b)
{
	uint32_t way = LIVE_LOAD(&s->way), ways = LIVE_LOAD(&s->ways);
	uint64_t w = live_way_word(a, b);

	if (!way)
		return false;
	if (way_try(way_at(way, 0, a), w))
		return true;
	if (ways)
		away(s, a);
	for (unsigned k = 0; ways && k < LIVE_MORE_WAYS; k++)
		if (way_try(way_at(ways, k, a), w))
			return true;
	return false;
}

/* ---- lines ---- */

struct place {
	struct live_line *line; /* NULL: none */
	unsigned slot;
};

static inline bool line_is(uint64_t w, uintptr_t a)
{
	return w > LIVE_CLAIMED && !((w >> LIVE_LINE_OFFSET_SHIFT ^ a >> 3) & 127);
}

static inline struct place line_home(const struct live_span *s, uintptr_t a)
{
	uint32_t lines = LIVE_LOAD(&s->lines);

	return (struct place){lines ? live_unit(lines) : NULL, a >> 8 & 3};
}

static inline bool is_home(const struct live_span *s, uintptr_t a, struct place p)
{
	struct place home = line_home(s, a);

	return p.line == home.line && p.slot == home.slot;
}

/* Bits of the slots that hold the address, and that are empty. Without a branch: which one it is
 * cannot be predicted. */
static inline void line_match(const struct live_line *l, uintptr_t a, unsigned *is, unsigned *empty)
{
	*is = *empty = 0;
#pragma GCC unroll 5
	for (unsigned k = 0; k < LIVE_SLOTS; k++) {
		uint64_t w = LIVE_LOAD(&l->word[k]);
		uint64_t other = (w >> LIVE_LINE_OFFSET_SHIFT ^ a >> 3) & 127;

		*is |= (unsigned)((w > LIVE_CLAIMED) & !other) << k;
		*empty |= (unsigned)!w << k;
	}
}

/* Where the address is, and an empty slot, its home if that is one. */
static inline struct place lines_find(const struct live_span *s, uintptr_t a, struct place *room)
{
	struct place home = line_home(s, a);
	unsigned is, empty;

	room->line = NULL;
	for (struct live_line *l = home.line; l;) {
		uint32_t next = LIVE_LOAD(&l->next);

		line_match(l, a, &is, &empty);
		if (is)
			return (struct place){l, (unsigned)__builtin_ctz(is)};
		if (empty && !room->line) {
			bool at_home = l == home.line && empty >> home.slot & 1;

			*room = (struct place){l, at_home ? home.slot
			                                  : (unsigned)__builtin_ctz(empty)};
		}
		l = next ? live_unit(next) : NULL;
	}
	return (struct place){NULL, 0};
}

static inline void line_take(struct place at, uint64_t w, struct block *out)
{
	uint32_t low = __atomic_load_n(&at.line->size[at.slot], __ATOMIC_RELAXED);

	live_line_block(w, low, out);
	LIVE_STORE(&at.line->word[at.slot], 0);
	live_huge_drop(w, low);
}

/* size: as the slot holds it. False when another thread was faster. */
static inline bool line_put(struct place at, uintptr_t a, const struct block *b, uint64_t size)
{
	uint64_t *word = &at.line->word[at.slot], none = 0;

	if (!__atomic_compare_exchange_n(word, &none, LIVE_CLAIMED, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_RELAXED))
		return false;
	/* The word last: a walk that sees it must see its size. One that sees the size of the next
	 * block in this slot looks at the word again, and finds it changed. */
	__atomic_store_n(&at.line->size[at.slot], (uint32_t)size, __ATOMIC_RELAXED);
	LIVE_STORE(word, live_line_word(a, b, size));
	return true;
}

/* ---- growth ---- */

enum {
	DENSE = 150, /* bytes a block, with the allocator's own, below which a way pays */
	ALLOCATORS_OWN = 16,
	NEIGHBOURS = 7 /* small blocks in the span before, so that this one begins with a way */
};

static bool dense_before(const struct live_span *s, uintptr_t a)
{
	const struct live_line *line;
	const uint64_t *way;
	unsigned n = 0;

	if (!(a >> LIVE_SPAN_SHIFT & (LIVE_REGION_SPANS - 1)) || !LIVE_LOAD(&s[-1].way))
		return false;
	way = live_unit(LIVE_LOAD(&s[-1].way));
	for (unsigned i = 0; i < LIVE_GRANULES; i++)
		n += LIVE_LOAD(&way[i]) != 0;
	if (LIVE_LOAD(&s[-1].lines)) {
		line = live_unit(LIVE_LOAD(&s[-1].lines));
		for (unsigned k = 0; k < LIVE_SLOTS; k++)
			n += LIVE_LOAD(&line->word[k]) && LIVE_LOAD(&line->size[k]) <= LIVE_SMALL;
	}
	return n >= NEIGHBOURS;
}

/* By the blocks that are there, will the span have many in the end? */
static bool dense(const struct live_span *s, uintptr_t a, const struct block *b)
{
	uint64_t bytes = b->size, n = 1;

	if (!s->lines)
		return dense_before(s, a);
	for (uint32_t i = s->lines; i;) {
		const struct live_line *l = live_unit(i);

		for (unsigned k = 0; k < LIVE_SLOTS; k++, n++)
			bytes += __atomic_load_n(&l->size[k], __ATOMIC_RELAXED);
		i = l->next;
	}
	return n > 2 * LIVE_SLOTS || bytes + ALLOCATORS_OWN * n <= DENSE * n;
}

/* Gives the span a way, or more ways, where that is what it needs. */
static bool grow_ways(struct live_span *s, uintptr_t a, const struct block *b)
{
	const uint32_t units = LIVE_GRANULES * sizeof(uint64_t) / LIVE_UNIT;
	uint32_t *which = s->way ? &s->ways : &s->way;
	uint32_t index;

	if (b->size > LIVE_SMALL || *which || (!s->way && !dense(s, a, b)))
		return false;
	index = live_store_units(s->way ? LIVE_MORE_WAYS * units : units);
	LIVE_STORE(which, index);
	return index != 0;
}

/* Behind the first line, which stays it: it has the homes. */
static bool grow_lines(struct live_span *s)
{
	uint32_t index = live_store_units(1), *from = &s->lines;

	if (!index)
		return false;
	if (*from) {
		from = &((struct live_line *)live_unit(*from))->next;
		((struct live_line *)live_unit(index))->next = *from;
	}
	LIVE_STORE(from, index);
	return true;
}

/* False when there is no memory. */
static COLD bool grow(struct live_span *s, uintptr_t a, const struct block *b)
{
	struct sys_lock *lock = live_store_lock(a);
	struct place room;
	bool ok = true;

	sys_lock(lock);
	lines_find(s, a, &room);
	/* Else somebody was faster, and has left room for us. */
	if (!room.line) {
		if (!s->lines && !s->way)
			live_store_touch(a);
		ok = grow_ways(s, a, b) || grow_lines(s);
	}
	sys_unlock(lock);
	return ok;
}

/* ---- put and take ---- */

static __attribute__((noinline)) bool take_elsewhere(struct live_span *s, uintptr_t a,
                                                     struct block *out)
{
	uint64_t *word = ways_find(s, a);
	struct place at, room;

	if (word) {
		live_way_block(*word, out);
		LIVE_STORE(word, 0);
		return true;
	}
	at = lines_find(s, a, &room);
	if (!at.line)
		return false;
	line_take(at, LIVE_LOAD(&at.line->word[at.slot]), out);
	return true;
}

static inline bool put_in_line(struct live_span *s, struct place room, uintptr_t a,
                               const struct block *b, uint64_t size)
{
	if (!is_home(s, a, room))
		away(s, a);
	return line_put(room, a, b, size);
}

/* The address is nowhere in the span, and seems to find no room there. */
static COLD int put_new(struct live_span *s, uintptr_t a, const struct block *b)
{
	uint64_t size = b->size;
	struct place room;

	if (size >= LIVE_HUGE && live_huge_put(b->size, &size))
		return -ENOMEM;
	do {
		if (size <= LIVE_SMALL && ways_put(s, a, b))
			return 0;
		lines_find(s, a, &room);
		if (room.line && put_in_line(s, room, a, b, size))
			return 0;
	} while (room.line || grow(s, a, b));
	live_huge_drop(live_line_word(a, b, size), (uint32_t)size);
	return -ENOMEM;
}

/* The general case. */
static __attribute__((noinline)) int put(struct live_span *s, uintptr_t a, const struct block *b,
                                         struct block *stale)
{
	uint64_t *word = ways_find(s, a);
	struct place at, room;
	int r;

	if (unlikely(word)) {
		live_way_block(LIVE_LOAD(word), stale);
		LIVE_STORE(word, 0);
	}
	at = lines_find(s, a, &room);
	if (unlikely(at.line)) {
		line_take(at, LIVE_LOAD(&at.line->word[at.slot]), stale);
		room = at;
	}
	if (b->size <= LIVE_SMALL && ways_put(s, a, b))
		return stale->site != 0;
	if (likely(room.line) && b->size < LIVE_HUGE && put_in_line(s, room, a, b, b->size))
		return stale->site != 0;
	r = put_new(s, a, b);
	return r ? r : stale->site != 0;
}

/* ---- what live.h offers ---- */

int live_put(uintptr_t address, const struct block *b, struct block *stale)
{
	struct live_region *r;
	struct live_span *s;
	struct place home;
	uint64_t in_line = 0, in_way = 0, *way = NULL;
	uint32_t index;

	stale->site = 0;
	if (unlikely(!live_valid(address) || !b->site || b->site >= LIVE_SITE_MAX))
		return -ENOMEM;
	r = LIVE_LOAD(&live_root[address >> LIVE_REGION_SHIFT]);
	if (unlikely(!r) && !(r = live_store_region(address)))
		return -ENOMEM;
	s = live_span_in(r, address);
	if (LIVE_LOAD(&s->mask) >> live_granule(address) & 1)
		return put(s, address, b, stale);
	if ((index = LIVE_LOAD(&s->way))) {
		way = way_at(index, 0, address);
		in_way = LIVE_LOAD(way);
	}
	home = line_home(s, address);
	if (home.line)
		in_line = LIVE_LOAD(&home.line->word[home.slot]);
	/* Home is empty, and the address is in neither home: the usual case. */
	if (way && b->size <= LIVE_SMALL) {
		if (likely(!in_way && !line_is(in_line, address)) &&
		    likely(way_try(way, live_way_word(address, b))))
			return 0;
		return put(s, address, b, stale);
	}
	if (likely(home.line && !in_line && !way_is(in_way, address)) &&
	    likely(b->size < LIVE_HUGE && line_put(home, address, b, b->size)))
		return 0;
	return put(s, address, b, stale);
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
	uint32_t index;
	struct place home;
	uint64_t w;

	if (unlikely(!s))
		return false;
	if ((index = LIVE_LOAD(&s->way))) {
		uint64_t *way = way_at(index, 0, address);

		w = LIVE_LOAD(way);
		if (likely(way_is(w, address))) {
			live_way_block(w, out);
			LIVE_STORE(way, 0);
			return true;
		}
	}
	home = line_home(s, address);
	if (home.line) {
		w = LIVE_LOAD(&home.line->word[home.slot]);
		if (likely(line_is(w, address))) {
			line_take(home, w, out);
			return true;
		}
	}
	return LIVE_LOAD(&s->mask) >> live_granule(address) & 1 && take_elsewhere(s, address, out);
}

bool live_find(uintptr_t address, struct block *out)
{
	struct live_span *s = span_find(address);
	struct place at, room;
	uint64_t *way;

	if (!s)
		return false;
	if ((way = ways_find(s, address))) {
		live_way_block(LIVE_LOAD(way), out);
		return true;
	}
	at = lines_find(s, address, &room);
	if (!at.line)
		return false;
	live_line_block(LIVE_LOAD(&at.line->word[at.slot]), LIVE_LOAD(&at.line->size[at.slot]),
	                out);
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
