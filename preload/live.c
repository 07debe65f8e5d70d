/*
 * live.c - the table of live blocks: put, take, find. Context: any thread, IN_TRACKER set.
 *
 * Shape. The address space is cut into spans of 1 kB. The directory, found by address, leads to
 * where a span's blocks are kept (16 bytes, and 4 where there are ways):
 *
 *   lines  a chain of cache lines of 5 slots, 12.8 bytes a block, any size; all slots of a line are
 *          looked at at once.
 *   way    where blocks are small and many: one word for each granule of 32 bytes, indexed by the
 *          address, for blocks under 256 bytes. 8 bytes a granule.
 *   ways   three more words a granule, for allocators that put blocks 8 or 16 bytes apart.
 *
 * Pointers to ways lie together in the directory, 8 kB of heap to a cache line: who frees a block
 * that is in a way reads no more of it, and who makes one reads only `mask` beside, which needs not
 * be waited for.
 *
 * So it has the locality of the heap itself, costs little where blocks are large or few, and never
 * rehashes: nothing is ever moved, which is why a walk beside running threads shows a block that
 * stays exactly once, and why no call is long. tests/bench/live_bench.c has two other shapes.
 *
 * Order. A slot that holds a block belongs to whoever may free that block: it is emptied by a plain
 * store. Empty slots are taken by compare-and-swap. Only growth takes a lock, one of 64, by
 * address. Most blocks are in their granule's word of the way, or in the first line of a span that
 * has no way; live_hot.h is for them, and for blocks that are new there. `mask` has the bit of each
 * granule that has or had a block elsewhere while there was a way: a clear bit spares the search
 * for one whose free was not seen.
 */
#include "live_hot.h"

#include <errno.h>

/* ---- ways ---- */

/* Where an address's word may be: in its span's way, then in the further ones. NULL: there is no
 * such way, nor one after it. */
static uint64_t *word_of(struct live_region *r, uintptr_t a, unsigned k)
{
	uint32_t ways;

	if (!k)
		return live_word(r, a);
	ways = LIVE_LOAD(live_ways_of(r, a));
	return ways ? (uint64_t *)live_unit(ways) + (k - 1) * LIVE_GRANULES + live_granule(a)
	            : NULL;
}

static uint64_t *ways_find(struct live_region *r, uintptr_t a)
{
	uint64_t *at;

	for (unsigned k = 0; k <= LIVE_MORE_WAYS && (at = word_of(r, a, k)); k++)
		if (live_way_is(LIVE_LOAD(at), a))
			return at;
	return NULL;
}

/* False when all words of the granule are taken. The address is in none of them. */
static bool ways_put(struct live_region *r, uintptr_t a, const struct block *b)
{
	uint64_t w = live_way_word(a, b), *at;

	for (unsigned k = 0; k <= LIVE_MORE_WAYS && (at = word_of(r, a, k)); k++) {
		if (!live_way_try(at, w))
			continue;
		if (k)
			live_away(r, a); /* after it is there: settle() */
		return true;
	}
	return false;
}

/* ---- lines ---- */

struct place {
	struct live_line *line; /* NULL: none */
	unsigned slot;
};

/* Where the address is, and an empty slot. */
static struct place lines_find(struct live_region *r, uintptr_t a, struct place *room)
{
	uint32_t index = LIVE_LOAD(&live_span_of(r, a)->lines);

	room->line = NULL;
	while (index) {
		struct live_line *l = live_unit(index);
		unsigned empty, is = live_line_match(l, a, &empty);

		for (; is; is &= is - 1) {
			unsigned k = (unsigned)__builtin_ctz(is);

			if (live_line_is(LIVE_LOAD(&l->word[k]), a))
				return (struct place){l, k};
		}
		if (empty && !room->line)
			*room = (struct place){l, (unsigned)__builtin_ctz(empty)};
		index = LIVE_LOAD(&l->next);
	}
	return (struct place){NULL, 0};
}

/* ---- growth ---- */

enum {
	DENSE = 150, /* bytes a block, with the allocator's own, below which a way pays */
	ALLOCATORS_OWN = 16,
	NEIGHBOURS = 7 /* small blocks in the span before, so that this one begins with a way */
};

static bool dense_before(struct live_region *r, uintptr_t a)
{
	const uintptr_t before = a - (1ul << LIVE_SPAN_SHIFT);
	const struct live_line *line;
	const uint64_t *way;
	uint32_t lines;
	unsigned n = 0;

	if ((before ^ a) >> LIVE_REGION_SHIFT || !(way = LIVE_LOAD(live_way_of(r, before))))
		return false;
	for (unsigned i = 0; i < LIVE_GRANULES; i++)
		n += LIVE_LOAD(&way[i]) != 0;
	if ((lines = LIVE_LOAD(&live_span_of(r, before)->lines))) {
		line = live_unit(lines);
		for (unsigned k = 0; k < LIVE_SLOTS; k++)
			n += LIVE_LOAD(&line->word[k]) && LIVE_LOAD(&line->size[k]) <= LIVE_SMALL;
	}
	return n >= NEIGHBOURS;
}

/* By the blocks that are there, will the span have many in the end? */
static bool dense(struct live_region *r, uintptr_t a, const struct block *b)
{
	uint32_t lines = live_span_of(r, a)->lines;
	uint64_t bytes = b->size, n = 1;

	if (!lines)
		return dense_before(r, a);
	while (lines) {
		const struct live_line *l = live_unit(lines);

		for (unsigned k = 0; k < LIVE_SLOTS; k++, n++)
			bytes += __atomic_load_n(&l->size[k], __ATOMIC_RELAXED);
		lines = l->next;
	}
	return n > 2 * LIVE_SLOTS || bytes + ALLOCATORS_OWN * n <= DENSE * n;
}

/* The granules of what is in lines; all of them if a thread is just about to put something there.
 */
static uint32_t granules_in_lines(const struct live_span *s)
{
	uint32_t mask = 0;

	for (uint32_t i = LIVE_LOAD(&s->lines); i;) {
		const struct live_line *l = live_unit(i);

		for (unsigned k = 0; k < LIVE_SLOTS; k++) {
			uint64_t w = LIVE_LOAD(&l->word[k]);

			if (w == LIVE_CLAIMED)
				return ~0u;
			if (w)
				mask |= 1u << (live_line_offset(w) >> 2);
		}
		i = LIVE_LOAD(&l->next);
	}
	return mask;
}

/* What is in lines is away now. Whoever puts there meanwhile claims a slot, then looks for a way:
 * it sees ours, or we its claim. */
static void publish_way(struct live_region *r, uintptr_t a, uint64_t *way)
{
	struct live_span *s = live_span_of(r, a);

	__atomic_fetch_or(&s->mask, granules_in_lines(s), __ATOMIC_ACQ_REL);
	LIVE_STORE(live_way_of(r, a), way);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_fetch_or(&s->mask, granules_in_lines(s), __ATOMIC_ACQ_REL);
}

/* Gives the span a way, or more ways, where that is what it needs. */
static bool grow_ways(struct live_region *r, uintptr_t a, const struct block *b)
{
	const uint32_t units = LIVE_GRANULES * sizeof(uint64_t) / LIVE_UNIT;
	const bool first = !*live_way_of(r, a);
	uint32_t *ways = live_ways_of(r, a), index;

	if (b->size > LIVE_SMALL || (first ? !dense(r, a, b) : *ways != 0) ||
	    !(index = live_store_units(first ? units : LIVE_MORE_WAYS * units)))
		return false;
	if (first) {
		live_store_touch(r, live_way_of(r, a));
		publish_way(r, a, live_unit(index));
	} else {
		live_store_touch(r, ways);
		LIVE_STORE(ways, index);
	}
	return true;
}

/* Behind the first line. */
static bool grow_lines(struct live_region *r, uintptr_t a)
{
	uint32_t index = live_store_units(1), *from = &live_span_of(r, a)->lines;

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
static COLD bool grow(struct live_region *r, uintptr_t a, const struct block *b)
{
	struct sys_lock *lock = live_store_lock(a);
	struct place room;
	bool ok = true;

	sys_lock(lock);
	lines_find(r, a, &room);
	/* Else somebody was faster, and has left room for us. */
	if (!room.line) {
		live_store_touch(r, live_span_of(r, a));
		ok = grow_ways(r, a, b) || grow_lines(r, a);
	}
	sys_unlock(lock);
	return ok;
}

/* ---- put and take ---- */

/* The address is nowhere in the span. */
static COLD int put_new(struct live_region *r, uintptr_t a, const struct block *b)
{
	uint64_t size = b->size;
	struct place room;

	if (size >= LIVE_HUGE && live_huge_put(b->size, &size))
		return -ENOMEM;
	do {
		if (size <= LIVE_SMALL && ways_put(r, a, b))
			return 0;
		lines_find(r, a, &room);
		if (room.line && live_line_put(r, room.line, room.slot, a, b, size))
			return 0;
	} while (room.line || grow(r, a, b));
	live_huge_drop(live_line_word(a, b, size), (uint32_t)size);
	return -ENOMEM;
}

static bool is_away(struct live_region *r, uintptr_t a)
{
	const uint64_t *at;

	for (unsigned k = 1; k <= LIVE_MORE_WAYS && (at = word_of(r, a, k)); k++)
		if (LIVE_LOAD(at))
			return true;
	return granules_in_lines(live_span_of(r, a)) >> live_granule(a) & 1;
}

/* If nothing of the granule is elsewhere any more, the next put need not search. Who puts something
 * elsewhere meanwhile claims its place and then sets the bit: we see the claim, or it our clearing.
 */
static void settle(struct live_region *r, uintptr_t a)
{
	uint32_t bit = 1u << live_granule(a), *mask = &live_span_of(r, a)->mask;

	if (!(LIVE_LOAD(mask) & bit) || is_away(r, a))
		return;
	__atomic_fetch_and(mask, ~bit, __ATOMIC_SEQ_CST);
	if (is_away(r, a))
		__atomic_fetch_or(mask, bit, __ATOMIC_ACQ_REL);
}

int live_put(uintptr_t address, const struct block *b, struct block *stale)
{
	struct live_region *r;
	struct place at, room;
	uint64_t *word;
	int result;

	stale->site = 0;
	if (unlikely(!live_valid(address) || !b->site || b->site >= LIVE_SITE_MAX))
		return -ENOMEM;
	r = LIVE_LOAD(&live_root[address >> LIVE_REGION_SHIFT]);
	if (unlikely(!r) && !(r = live_store_region(address)))
		return -ENOMEM;
	if ((word = ways_find(r, address))) {
		live_way_block(LIVE_LOAD(word), stale);
		LIVE_STORE(word, 0);
	}
	at = lines_find(r, address, &room);
	if (unlikely(at.line)) {
		live_line_take(at.line, at.slot, stale);
		room = at;
	}
	if (b->size <= LIVE_SMALL && ways_put(r, address, b)) {
		settle(r, address);
		return stale->site != 0;
	}
	if (likely(room.line) && b->size < LIVE_HUGE &&
	    live_line_put(r, room.line, room.slot, address, b, b->size))
		return stale->site != 0;
	result = put_new(r, address, b);
	return result ? result : stale->site != 0;
}

bool live_take(uintptr_t address, struct block *out)
{
	struct live_region *r = live_region(address);
	struct place at, room;
	uint64_t *word;

	if (unlikely(!r))
		return false;
	if ((word = ways_find(r, address))) {
		live_way_block(LIVE_LOAD(word), out);
		LIVE_STORE(word, 0);
		return true;
	}
	at = lines_find(r, address, &room);
	if (at.line)
		live_line_take(at.line, at.slot, out);
	return at.line;
}

bool live_find(uintptr_t address, struct block *out)
{
	struct live_region *r = live_region(address);
	struct place at, room;
	uint64_t *word;

	if (!r)
		return false;
	if ((word = ways_find(r, address))) {
		live_way_block(LIVE_LOAD(word), out);
		return true;
	}
	at = lines_find(r, address, &room);
	if (!at.line)
		return false;
	live_line_block(LIVE_LOAD(&at.line->word[at.slot]), LIVE_LOAD(&at.line->size[at.slot]),
	                out);
	return true;
}
