/*
 * live_store.h - what live.c and live_walk.c share: the shape of the table of live blocks, how a
 * block is put into a word, and the directory, the pool and the locks of live_store.c. See live.c
 * for why it is so. IN_TRACKER is set, but for the walk.
 */
#ifndef OUTLIVE_LIVE_STORE_H
#define OUTLIVE_LIVE_STORE_H

#include "live.h"

enum {
	LIVE_ADDRESS_BITS = 47,
	LIVE_REGION_SHIFT =
	        28, /* a region's piece of directory: 5 MB, of which little is touched */
	LIVE_SPAN_SHIFT = 10,
	LIVE_REGION_SPANS = 1 << (LIVE_REGION_SHIFT - LIVE_SPAN_SHIFT),
	LIVE_GRANULES = 32, /* of 32 bytes, in a span */
	LIVE_MORE_WAYS = 3,
	LIVE_SLOTS = 5,
	LIVE_SMALL = 255,      /* largest block kept in a way */
	LIVE_UNIT = 64,        /* bytes; what the pool counts in */
	LIVE_CHUNK_SHIFT = 15, /* units in a chunk of the pool: 2 MB */
	LIVE_CHUNKS = 1 << 15, /* 64 GB */
	LIVE_HUGES = 1024,     /* live blocks of 28 GB and more */
	LIVE_PAGE = 4096
};

/* Of 1 kB of addresses: where its blocks are that are not in its way. */
struct live_span {
	uint32_t lines; /* struct live_line, a chain: number of a unit of the pool, 0 is none */
	uint32_t mask;  /* with a way: granules that ever had a block elsewhere (live.c) */
};

/* Whoever claimed a slot writes it; whoever frees the block empties its word.  */
struct live_line {
	uint64_t word[LIVE_SLOTS];
	uint32_t size[LIVE_SLOTS];
	uint32_t next;
};
_Static_assert(sizeof(struct live_line) == LIVE_UNIT, "a line is a cache line");

struct live_region {
	struct live_region *next;
	uintptr_t base;
	/* Its pages that are in use: a walk must not fault in the others. */
	uint64_t touched[LIVE_REGION_SPANS * (8 + 8 + 4) / LIVE_PAGE / 64 + 1];
	/* Of each span. Apart: a free needs the first, and seldom more. */
	uint64_t *way[LIVE_REGION_SPANS] __attribute__((aligned(LIVE_PAGE))); /* or NULL */
	struct live_span span[LIVE_REGION_SPANS];
	uint32_t ways[LIVE_REGION_SPANS]; /* LIVE_MORE_WAYS of them: as lines */
};
_Static_assert(sizeof(struct live_region) / LIVE_PAGE / 64 <
                       sizeof(((struct live_region *)NULL)->touched) / 8,
               "a bit for each page");

#define LIVE_LOAD(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define LIVE_STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* ---- the directory and the pool ---- */

extern struct live_region *live_root[1u << (LIVE_ADDRESS_BITS - LIVE_REGION_SHIFT)]
        __attribute__((visibility("hidden")));
extern struct live_region *live_regions __attribute__((visibility("hidden"))); /* all */

/* Blocks lie at multiples of 8; other addresses are not kept. */
static inline bool live_valid(uintptr_t a)
{
	return !(a & (~0ul << LIVE_ADDRESS_BITS | 7));
}

/* One shift and one mask find what is kept for an address. */
_Static_assert(sizeof(struct live_span) == 8, "live_span_of()");
static inline struct live_span *live_span_of(struct live_region *r, uintptr_t a)
{
	uintptr_t at = a >> (LIVE_SPAN_SHIFT - 3) & (LIVE_REGION_SPANS - 1) * 8ul;

	return (struct live_span *)((char *)r->span + at);
}

static inline uint64_t **live_way_of(struct live_region *r, uintptr_t a)
{
	uintptr_t at = a >> (LIVE_SPAN_SHIFT - 3) & (LIVE_REGION_SPANS - 1) * 8ul;

	return (uint64_t **)((char *)r->way + at);
}

static inline uint32_t *live_ways_of(struct live_region *r, uintptr_t a)
{
	return &r->ways[a >> LIVE_SPAN_SHIFT & (LIVE_REGION_SPANS - 1)];
}

static inline void *live_unit(uint32_t index)
{
	return (void *)(SYS_FIXED_BLOCKS + (uintptr_t)index * LIVE_UNIT);
}

/* The region of an address, made if need be; NULL when there is no memory. */
struct live_region *live_store_region(uintptr_t a);
static inline bool live_store_touched(const struct live_region *r, const void *in)
{
	size_t page = (size_t)((const char *)in - (const char *)r) / LIVE_PAGE;

	return LIVE_LOAD(&r->touched[page / 64]) >> page % 64 & 1;
}
/* Before something is stored there for the first time. */
void live_store_touch(struct live_region *r, const void *in);
/* Zeroed units that lie together, or 0. */
uint32_t live_store_units(uint32_t n);
/* For the growth of a span. */
struct sys_lock *live_store_lock(uintptr_t a);

/* ---- words: site in the top 23 bits, never 0, so neither is the word; birth in the lowest 31 ----
 */

enum {
	LIVE_BIRTH_BITS = 31, /* 104 days, then it wraps */
	LIVE_SITE_SHIFT = 41,
	LIVE_WAY_SIZE_SHIFT = 33,
	LIVE_WAY_LOW_SHIFT = 31,
	LIVE_LINE_OFFSET_SHIFT = 34,
	LIVE_LINE_HIGH_SHIFT = 31
};
/* In a line: taken, and not yet a block (no site). */
#define LIVE_CLAIMED    ((1ull << LIVE_SITE_SHIFT) - 1)
#define LIVE_BIRTH_MASK ((1u << LIVE_BIRTH_BITS) - 1)
#define LIVE_HUGE       (7ull << 32)

static inline unsigned live_granule(uintptr_t a)
{
	return a >> 5 & (LIVE_GRANULES - 1);
}

static inline void live_word_common(uint64_t w, struct block *b)
{
	b->site = (uint32_t)(w >> LIVE_SITE_SHIFT);
	b->birth = w & LIVE_BIRTH_MASK;
}

/* In a way the granule is the place: two bits tell which of its four addresses. */
static inline uint64_t live_way_word(uintptr_t a, const struct block *b)
{
	/* Each step is one instruction. */
	uint64_t what = ((uint64_t)b->site << (LIVE_SITE_SHIFT - LIVE_WAY_SIZE_SHIFT)) + b->size;

	return ((a >> 3 & 3) + what * 4) << LIVE_WAY_LOW_SHIFT | (b->birth & LIVE_BIRTH_MASK);
}
_Static_assert(LIVE_WAY_SIZE_SHIFT == LIVE_WAY_LOW_SHIFT + 2, "live_way_word()");

static inline unsigned live_way_low(uint64_t w)
{
	return w >> LIVE_WAY_LOW_SHIFT & 3;
}

static inline void live_way_block(uint64_t w, struct block *b)
{
	b->size = w >> LIVE_WAY_SIZE_SHIFT & LIVE_SMALL;
	live_word_common(w, b);
}

/* In a line the word has the address's offset in the span, and bits 32 to 34 of the size. */
static inline uint64_t live_line_word(uintptr_t a, const struct block *b, uint64_t size)
{
	return (uint64_t)b->site << LIVE_SITE_SHIFT |
	       (uint64_t)(a >> 3 & 127) << LIVE_LINE_OFFSET_SHIFT |
	       (size >> 32) << LIVE_LINE_HIGH_SHIFT | (b->birth & LIVE_BIRTH_MASK);
}

static inline unsigned live_line_offset(uint64_t w)
{
	return w >> LIVE_LINE_OFFSET_SHIFT & 127;
}

/* Sizes that have no room in a slot, by number. */
uint64_t live_huge_size(uint32_t number);

/* low: the slot's size[]. */
static inline void live_line_block(uint64_t w, uint32_t low, struct block *b)
{
	b->size = (w >> LIVE_LINE_HIGH_SHIFT & 7) << 32 | low;
	if (unlikely(b->size >= LIVE_HUGE))
		b->size = live_huge_size(low);
	live_word_common(w, b);
}

/* Keeps a size, and gives what the slot holds instead. 0 or -ENOMEM. */
int live_huge_put(uint64_t bytes, uint64_t *size);
void live_huge_free(uint32_t number);
/* After the slot was emptied: a walk that still saw the word looks at it again. */
static inline void live_huge_drop(uint64_t w, uint32_t low)
{
	if (unlikely((w >> LIVE_LINE_HIGH_SHIFT & 7) == LIVE_HUGE >> 32))
		live_huge_free(low);
}

#endif
