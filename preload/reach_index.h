/*
 * reach_index.h - all live blocks of one moment, sorted by address, and the block that an address
 * lies in. For the files of the reachability scan (reach.h) alone. Context: a child, while nothing
 * changes the tables: its memory is a copy, or all other threads stand still.
 */
#ifndef OUTLIVE_REACH_INDEX_H
#define OUTLIVE_REACH_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

/*
 * 16 bytes, so that whoever has found a block has all of it in one cache line. where: the address
 * in 48 bits, REACH_* above them. what: the site in 23 bits, the requested bytes in 41.
 */
struct reach_block {
	uint64_t where, what;
};

enum {
	REACH_SHIFT = 48,
	REACH_SITE_BITS = 23,
};
#define REACH_NONE UINT32_MAX
/* So many blocks are searched and marked in less time than it takes to prepare for more. */
enum { REACH_FEW = 4096 };

/* Found out about a block while marking. */
#define REACH_STARTED  (1ull << REACH_SHIFT)       /* reachable by pointers to starts */
#define REACH_INTERIOR (1ull << (REACH_SHIFT + 1)) /* a reachable pointer into its middle */
#define REACH_POSSIBLE (1ull << (REACH_SHIFT + 2)) /* reachable by way of such pointers only */
#define REACH_LEADER   (1ull << (REACH_SHIFT + 3)) /* lost, and nothing lost points to it */
#define REACH_INDIRECT (1ull << (REACH_SHIFT + 4)) /* lost, because a leader is */
#define REACH_PARENTS  (1ull << (REACH_SHIFT + 5)) /* fork brought it along */
#define REACH_ALIVE    (1ull << (REACH_SHIFT + 6)) /* a thread that may go on can reach it */

static inline uintptr_t reach_block_start(const struct reach_block *b)
{
	return b->where & ((1ull << REACH_SHIFT) - 1);
}
static inline uint64_t reach_block_bytes(const struct reach_block *b)
{
	return b->what >> REACH_SITE_BITS;
}
static inline uint32_t reach_block_site(const struct reach_block *b)
{
	return b->what & ((1u << REACH_SITE_BITS) - 1);
}

struct reach_gigabyte {
	uint32_t *page; /* [PAGES + 1], one more than the first block at or after each page, from
	                   the first block's page to the one after the last's; 0 elsewhere, where
	                   nobody touches memory. NULL: no block starts here, or there are few */
	uint32_t first, end; /* blocks [first, end) begin in it */
};
/* Heaps lie far apart: a table of all gigabytes between them would be two megabytes. */
struct reach_region {
	struct reach_gigabyte *gigabyte; /* [GIGABYTES]; NULL: no block begins here */
	uint32_t first;                  /* the first block at or after it */
};
struct reach_index {
	struct reach_block *block;
	uint32_t n, room;
	uintptr_t low, bytes;        /* [low, low + bytes) holds all blocks */
	struct reach_region *region; /* from low's on */
	uint64_t memory;             /* what all this takes, in bytes */
	uint32_t regions;
};
extern struct reach_index g_reach_index __attribute__((visibility("hidden")));

enum {
	REACH_REGION = 39,
	REACH_GIGABYTE = 30,
	REACH_PAGE = 12,
	REACH_GIGABYTES = 1 << (REACH_REGION - REACH_GIGABYTE),
	REACH_PAGES = 1 << (REACH_GIGABYTE - REACH_PAGE)
};

/* Fills it in. parents: blocks born before this tick were brought by fork. 0 or -ENOMEM. */
int reach_index_build(uint32_t parents);
void reach_index_free(void);

/* Where the search for w begins and ends; for who has other things to do meanwhile. */
static inline bool reach_index_may(uintptr_t w)
{
	return w - g_reach_index.low < g_reach_index.bytes;
}
static inline const struct reach_region *reach_index_region(uintptr_t w)
{
	return &g_reach_index.region[(w >> REACH_REGION) - (g_reach_index.low >> REACH_REGION)];
}
static inline const struct reach_gigabyte *reach_index_gigabyte(const struct reach_region *r,
                                                                uintptr_t w)
{
	return &r->gigabyte[w >> REACH_GIGABYTE & (REACH_GIGABYTES - 1)];
}
/* Blocks [*low, *high) begin in w's page, or where there are few in its gigabyte. */
static inline void reach_index_page(uintptr_t w, uint32_t *low, uint32_t *high)
{
	const struct reach_region *r = reach_index_region(w);

	*low = *high = r->first;
	if (unlikely(!r->gigabyte))
		return;
	const struct reach_gigabyte *g = reach_index_gigabyte(r, w);

	*low = g->first;
	*high = g->end;
	if (unlikely(!g->page))
		return;
	const uint32_t *page = &g->page[w >> REACH_PAGE & (REACH_PAGES - 1)];

	if (unlikely(!page[0] || !page[1])) {
		/* Before all blocks of the gigabyte, or behind the starts of all. */
		if (w < reach_block_start(&g_reach_index.block[*low]))
			*high = *low;
		else
			*low = *high;
		return;
	}
	*low = page[0] - 1;
	*high = page[1] - 1;
}
/* Where in the page w's block would be if all were of one size; most pages are like that. */
static inline uint32_t reach_index_guess(uintptr_t w, uint32_t low, uint32_t high)
{
	return low +
	       (uint32_t)((uint64_t)(high - low) * (w & ((1u << REACH_PAGE) - 1)) >> REACH_PAGE);
}
/* Ahead of a search: first the one, then the other, with some other work between. */
static inline void reach_index_prefetch_page(uintptr_t w)
{
	const struct reach_region *r = reach_index_region(w);

	if (unlikely(!r->gigabyte))
		return;
	const struct reach_gigabyte *g = reach_index_gigabyte(r, w);

	if (likely(g->page))
		__builtin_prefetch(&g->page[w >> REACH_PAGE & (REACH_PAGES - 1)]);
}
static inline void reach_index_prefetch_block(uintptr_t w)
{
	uint32_t low, high;

	reach_index_page(w, &low, &high);
	__builtin_prefetch(&g_reach_index.block[reach_index_guess(w, low, high)]);
}
/* The first block at or after w, n when there is none. reach_index_may(w). */
static inline __attribute__((always_inline)) uint32_t reach_index_from(uintptr_t w)
{
	const struct reach_block *block = g_reach_index.block;
	uint32_t low, high;

	reach_index_page(w, &low, &high);
	uint32_t at = reach_index_guess(w, low, high);

	for (unsigned tries = 0; tries < 6; tries++) {
		if (at > low && reach_block_start(&block[at - 1]) >= w)
			high = --at;
		else if (at < high && reach_block_start(&block[at]) < w)
			low = ++at;
		else
			return at;
	}
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (reach_block_start(&block[middle]) < w)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
/* The block that w points into, its end excluded; a block of 0 bytes has its start. */
static inline uint32_t reach_index_find(uintptr_t w)
{
	if (!reach_index_may(w))
		return REACH_NONE;
	uint32_t i = reach_index_from(w + 1);

	if (!i--)
		return REACH_NONE;
	const struct reach_block *b = &g_reach_index.block[i];
	uintptr_t at = w - reach_block_start(b);

	return at < reach_block_bytes(b) || !at ? i : REACH_NONE;
}

#endif
