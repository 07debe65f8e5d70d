/*
 * live_hot.h - the usual case of the table of live blocks, inline, for track_heap.c and live.c: see
 * live.c for the shape. What is not usual is left to live_put() and live_take(). IN_TRACKER is set.
 */
#ifndef OUTLIVE_LIVE_HOT_H
#define OUTLIVE_LIVE_HOT_H

#include <sys/single_threaded.h>

#include "live_store.h"

/* NULL: no block was ever kept near the address, or none can be. */
static inline struct live_region *live_region(uintptr_t a)
{
	return likely(live_valid(a)) ? LIVE_LOAD(&live_root[a >> LIVE_REGION_SHIFT]) : NULL;
}

/* The address's word in the way of its span, or NULL. */
static inline uint64_t *live_word(struct live_region *r, uintptr_t a)
{
	uint64_t *way = LIVE_LOAD(live_way_of(r, a));

	return likely(way) ? way + live_granule(a) : NULL;
}

static inline bool live_way_is(uint64_t w, uintptr_t a)
{
	return w && !((w >> LIVE_WAY_LOW_SHIFT ^ a >> 3) & 3);
}

/*
 * Nobody else puts a block: libc says so until just before the first further thread is made,
 * whoever makes it, and its own allocator goes by it. To keep others out is to wait until all that
 * was stored before has left the processor.
 */
static inline bool live_alone(void)
{
	return likely(__libc_single_threaded);
}

static inline bool live_way_try(uint64_t *at, uint64_t w)
{
	uint64_t none = 0;

	if (LIVE_LOAD(at))
		return false;
	if (live_alone()) {
		LIVE_STORE(at, w);
		return true;
	}
	return __atomic_compare_exchange_n(at, &none, w, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/*
 * Bits of the slots that have the address's offset: a block's, or by chance those of an empty slot
 * or of one that is claimed, and not yet a block. And of those that are empty. All at once, without
 * a branch: which one it is cannot be predicted. Of a slot that another thread is changing, either
 * may be told: who takes an empty one does it by compare-and-swap, and of this address nobody else
 * takes or makes a block.
 */
#ifndef __SANITIZE_THREAD__
static inline unsigned live_line_match(const struct live_line *l, uintptr_t a, unsigned *empty)
{
	/* The high halves of the words tell: the offset lies in them, and so does the site. */
	const uint32_t mask = 127 << 2, offset = (uint32_t)(a >> 1) & mask,
	               last = (uint32_t)(l->word[4] >> 32);
	unsigned zero, is = arch_high_match(l->word, offset, mask, &zero);

	*empty = zero | (unsigned)!last << 4;
	return is | (unsigned)!((last ^ offset) & mask) << 4;
}
_Static_assert(LIVE_LINE_OFFSET_SHIFT == 34 && LIVE_SLOTS == 5, "live_line_match()");
#else
static inline unsigned live_line_match(const struct live_line *l, uintptr_t a, unsigned *empty)
{
	unsigned is = 0;

	*empty = 0;
	for (unsigned k = 0; k < LIVE_SLOTS; k++) {
		uint64_t w = LIVE_LOAD(&l->word[k]);

		*empty |= (unsigned)!(w >> 32) << k;
		is |= (unsigned)(live_line_offset(w) == (a >> 3 & 127)) << k;
	}
	return is;
}
#endif

/* A slot that matched by chance may be another thread's block by now. */
static inline bool live_line_is(uint64_t w, uintptr_t a)
{
	return w > LIVE_CLAIMED && live_line_offset(w) == (a >> 3 & 127);
}

static inline void live_line_take(struct live_line *l, unsigned k, struct block *out)
{
	uint64_t w = LIVE_LOAD(&l->word[k]);
	uint32_t low = __atomic_load_n(&l->size[k], __ATOMIC_RELAXED);

	live_line_block(w, low, out);
	LIVE_STORE(&l->word[k], 0);
	live_huge_drop(w, low);
}

/* The block is put anywhere but into the way. */
static inline void live_away(struct live_region *r, uintptr_t a)
{
	uint32_t bit = 1u << live_granule(a), *mask = &live_span_of(r, a)->mask;

	if (!(LIVE_LOAD(mask) & bit))
		__atomic_fetch_or(mask, bit, __ATOMIC_ACQ_REL);
}

/* size: as the slot holds it. False when another thread was faster. */
static inline bool live_line_put(struct live_region *r, struct live_line *l, unsigned k,
                                 uintptr_t a, const struct block *b, uint64_t size)
{
	uint64_t none = 0;

	if (!live_alone() &&
	    unlikely(!__atomic_compare_exchange_n(&l->word[k], &none, LIVE_CLAIMED, false,
	                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)))
		return false;
	if (unlikely(LIVE_LOAD(live_way_of(r, a))))
		live_away(r, a);
	/* The word last: a walk that sees it must see its size. One that sees the size of the next
	 * block in this slot looks at the word again, and finds it changed. */
	__atomic_store_n(&l->size[k], (uint32_t)size, __ATOMIC_RELAXED);
	LIVE_STORE(&l->word[k], live_line_word(a, b, size));
	return true;
}

/* Fetches what live_put_hot() will need, ahead of the unwinding. The address's word in the way, or
 * NULL; and *region, or NULL. */
static inline __attribute__((always_inline)) uint64_t *live_fetch(uintptr_t a,
                                                                  struct live_region **region)
{
	struct live_region *r = *region = live_region(a);
	uint32_t lines;
	uint64_t *at;

	if (unlikely(!r))
		return NULL;
	if ((at = live_word(r, a))) {
		__builtin_prefetch(at, 1);
		return at;
	}
	if ((lines = LIVE_LOAD(&live_span_of(r, a)->lines)))
		__builtin_prefetch(live_unit(lines), 1);
	return NULL;
}

/* r, at: from live_fetch(). b->site: neither 0 nor LIVE_SITE_MAX. True: kept, and no other block
 * was there. Else live_put(). */
static inline __attribute__((always_inline)) bool live_put_hot(struct live_region *r, uint64_t *at,
                                                               uintptr_t a, const struct block *b)
{
	uint32_t lines;
	unsigned empty;

	if (at && likely(b->size <= LIVE_SMALL))
		return !(LIVE_LOAD(&live_span_of(r, a)->mask) >> live_granule(a) & 1) &&
		       live_way_try(at, live_way_word(a, b));
	if (unlikely(!r || !(lines = LIVE_LOAD(&live_span_of(r, a)->lines)) ||
	             b->size > UINT32_MAX))
		return false;
	/* Nor is it in a way. */
	if (at && unlikely(live_way_is(LIVE_LOAD(at), a) || LIVE_LOAD(live_ways_of(r, a))))
		return false;
	struct live_line *l = live_unit(lines);

	return !(live_line_match(l, a, &empty) & ~empty) && empty && !LIVE_LOAD(&l->next) &&
	       live_line_put(r, l, (unsigned)__builtin_ctz(empty), a, b, b->size);
}

/* Looks; who empties the word that is returned takes the block. NULL: not known, or live_take()
 * finds it. */
static inline __attribute__((always_inline)) uint64_t *live_peek_hot(uintptr_t a, struct block *out)
{
	struct live_region *r = live_region(a);
	uint32_t lines;
	unsigned empty, is;
	uint64_t *at;

	if (unlikely(!r))
		return NULL;
	if ((at = live_word(r, a))) {
		uint64_t w = LIVE_LOAD(at);

		if (likely(live_way_is(w, a))) {
			live_way_block(w, out);
			return at;
		}
	}
	if (unlikely(!(lines = LIVE_LOAD(&live_span_of(r, a)->lines))))
		return NULL;
	struct live_line *l = live_unit(lines);

	for (is = live_line_match(l, a, &empty); is; is &= is - 1) {
		unsigned k = (unsigned)__builtin_ctz(is);
		uint64_t w = LIVE_LOAD(&l->word[k]);

		/* Its offset, and no bits of the size beyond those in size[]. */
		if (unlikely((w ^ a << (LIVE_LINE_OFFSET_SHIFT - 3)) >> LIVE_LINE_HIGH_SHIFT &
		             ((1u << (LIVE_SITE_SHIFT - LIVE_LINE_HIGH_SHIFT)) - 1)))
			continue;
		live_word_common(w, out);
		if (unlikely(!out->site))
			continue;
		out->size = __atomic_load_n(&l->size[k], __ATOMIC_RELAXED);
		return &l->word[k];
	}
	return NULL;
}

static inline bool live_take_hot(uintptr_t a, struct block *out)
{
	uint64_t *word = live_peek_hot(a, out);

	if (word)
		LIVE_STORE(word, 0);
	return word;
}

#endif
