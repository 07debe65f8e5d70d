/*
 * reach_index.c - see reach_index.h. Owns the sorted copy of the live table, and the tables from
 * pages to blocks. Context: a child of the scan's; memory by sys_map only, no lock, no TLS.
 */
#include "reach_index.h"

#include <errno.h>
#include <sys/mman.h>

#include "live.h"

struct reach_index g_reach_index;

#define BYTES_MAX       ((1ull << (64 - REACH_SITE_BITS)) - 1)
#define HUGE_FROM       (1u << 18) /* blocks */
#define PAGES_BYTES     ((REACH_PAGES + 1ul) * sizeof(uint32_t))
#define GIGABYTES_BYTES (REACH_GIGABYTES * sizeof(struct reach_gigabyte))

/* ---- the blocks ---- */

struct fill {
	struct reach_index *index;
	uint32_t parents;
	bool full;
};

static void count(uintptr_t address, const struct block *b, void *arg)
{
	struct reach_index *x = arg;

	(void)address;
	(void)b;
	if (x->room < REACH_NONE - 1)
		x->room++;
}

/* The walk goes up, but for some disorder within a kilobyte. */
static void append(uintptr_t address, const struct block *b, void *arg)
{
	struct fill *f = arg;
	struct reach_index *x = f->index;
	uint64_t bytes = b->size < BYTES_MAX ? b->size : BYTES_MAX;
	struct reach_block new = {address, bytes << REACH_SITE_BITS | b->site};
	uint32_t i = x->n;

	if (i == x->room) {
		f->full = true;
		return;
	}
	/* 31 bits of birth go round in 104 days. */
	if (f->parents && (b->birth & 0x7fffffff) <= (f->parents & 0x7fffffff))
		new.where |= REACH_PARENTS;
	for (; i && reach_block_start(&x->block[i - 1]) > address; i--)
		x->block[i] = x->block[i - 1];
	x->block[i] = new;
	x->n++;
}

static void *take(struct reach_index *x, uint64_t bytes)
{
	void *p = sys_map(bytes);

	if (!p)
		return NULL;
	/* Looked at in no order; but zeroing a huge page for little costs more than all else. */
	if (x->room >= HUGE_FROM)
		sys_call(SYS_madvise, p, bytes, MADV_HUGEPAGE);
	x->memory += bytes;
	return p;
}

/* ---- from pages to blocks ---- */

static uint32_t page_of(const struct reach_block *b)
{
	return reach_block_start(b) >> REACH_PAGE & (REACH_PAGES - 1);
}

/* For blocks [first, end), all of which begin in one gigabyte. */
static void fill_pages(const struct reach_index *x, uint32_t *page, uint32_t first, uint32_t end)
{
	uint32_t last = page_of(&x->block[end - 1]), i = first;

	for (uint32_t p = page_of(&x->block[first]); p <= last + 1; p++) {
		while (i < end && page_of(&x->block[i]) < p)
			i++;
		page[p] = i + 1;
	}
}

/* The first block from `first` on that begins at `end` or behind it. */
static uint32_t first_from(const struct reach_index *x, uint32_t first, uintptr_t end)
{
	uint32_t low = first, high = x->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (reach_block_start(&x->block[middle]) < end)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The table of pages is a megabyte for each gigabyte, of which only what blocks lie on is touched.
 * Few blocks (REACH_FEW) are found without: a test suite runs hundreds of programs that have
 * little. */
static int build_gigabytes(struct reach_index *x, struct reach_region *r, uintptr_t start)
{
	uint32_t i = r->first;

	for (uint32_t k = 0; k < REACH_GIGABYTES; k++) {
		struct reach_gigabyte *g = &r->gigabyte[k];

		start += 1ul << REACH_GIGABYTE;
		g->first = g->end = i;
		if (i == x->n || reach_block_start(&x->block[i]) >= start)
			continue;
		g->end = i = first_from(x, i, start);
		if (x->n <= REACH_FEW)
			continue;
		g->page = take(x, PAGES_BYTES);
		if (!g->page)
			return -ENOMEM;
		fill_pages(x, g->page, g->first, g->end);
	}
	return 0;
}

static int build_regions(struct reach_index *x)
{
	uintptr_t from = x->low >> REACH_REGION, to = (x->low + x->bytes) >> REACH_REGION;

	x->regions = (uint32_t)(to - from + 1);
	x->region = take(x, x->regions * sizeof(*x->region));
	if (!x->region)
		return -ENOMEM;
	for (uint32_t i = 0, k = 0; k < x->regions; k++) {
		struct reach_region *r = &x->region[k];
		uintptr_t start = (from + k) << REACH_REGION;

		r->first = i;
		i = first_from(x, i, start + (1ul << REACH_REGION));
		if (i == r->first)
			continue;
		r->gigabyte = take(x, GIGABYTES_BYTES);
		if (!r->gigabyte || build_gigabytes(x, r, start))
			return -ENOMEM;
	}
	return 0;
}

int reach_index_build(uint32_t parents)
{
	struct reach_index *x = &g_reach_index;
	struct fill f = {x, parents, false};

	reach_index_free();
	live_walk(count, x);
	x->block = take(x, ((uint64_t)x->room + 1) * sizeof(*x->block));
	if (!x->block)
		return -ENOMEM;
	live_walk(append, &f);
	if (f.full)
		return -EAGAIN; /* somebody goes on making blocks, who should not */
	if (!x->n)
		return 0;
	/* A last block may reach far; what lies before others cannot. */
	uintptr_t end = 0;

	x->low = reach_block_start(&x->block[0]);
	for (uint32_t i = 0; i < x->n; i++) {
		uintptr_t stop = reach_block_start(&x->block[i]) + reach_block_bytes(&x->block[i]);

		end = stop + 1 > end ? stop + 1 : end;
	}
	x->bytes = end - x->low;
	return build_regions(x);
}

void reach_index_free(void)
{
	struct reach_index *x = &g_reach_index;

	for (uint32_t k = 0; x->region && k < x->regions; k++) {
		struct reach_gigabyte *g = x->region[k].gigabyte;

		for (uint32_t i = 0; g && i < REACH_GIGABYTES; i++)
			sys_unmap(g[i].page, PAGES_BYTES);
		sys_unmap(g, GIGABYTES_BYTES);
	}
	sys_unmap(x->region, x->regions * sizeof(*x->region));
	if (x->block)
		sys_unmap(x->block, ((uint64_t)x->room + 1) * sizeof(*x->block));
	*x = (struct reach_index){.block = 0};
}
