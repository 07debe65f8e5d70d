/*
 * reach_index.c - see reach_index.h. Owns the sorted copy of the live table, and the tables from
 * pages to blocks. Context: a child of the scan's; memory by sys_map only, no lock, no TLS.
 */
#include "reach_index.h"

#include <errno.h>
#include <sys/mman.h>

#include "live.h"

struct reach_index g_reach_index;

#define BYTES_MAX ((1ull << (64 - REACH_SITE_BITS)) - 1)

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
	/* Looked at in no order. */
	sys_call(SYS_madvise, p, bytes, MADV_HUGEPAGE);
	x->memory += bytes;
	return p;
}

/* ---- from pages to blocks ---- */

static void fill_pages(const struct reach_index *x, uint32_t *page, uintptr_t start, uint32_t first)
{
	uint32_t i = first;

	for (uint32_t p = 0; p <= REACH_PAGES; p++) {
		uintptr_t at = start + ((uintptr_t)p << REACH_PAGE);

		while (i < x->n && reach_block_start(&x->block[i]) < at)
			i++;
		page[p] = i;
	}
}

/* The table of pages is a megabyte for each gigabyte: more work than all else in a program that has
 * little (REACH_FEW), and a test suite runs hundreds of those. */
static int build_pages(struct reach_index *x)
{
	uintptr_t from = x->low >> REACH_GIGABYTE, to = (x->low + x->bytes) >> REACH_GIGABYTE;
	uint32_t i = 0;

	x->gigabytes = (uint32_t)(to - from + 2);
	x->gigabyte = take(x, x->gigabytes * sizeof(*x->gigabyte));
	if (!x->gigabyte)
		return -ENOMEM;
	for (uint32_t g = 0; g < x->gigabytes; g++) {
		struct reach_gigabyte *at = &x->gigabyte[g];
		uintptr_t start = (from + g) << REACH_GIGABYTE;

		at->first = i;
		uintptr_t end = start + (1ul << REACH_GIGABYTE);
		while (x->n <= REACH_FEW && i < x->n && reach_block_start(&x->block[i]) < end)
			i++;
		if (i == x->n || reach_block_start(&x->block[i]) >= end)
			continue;
		at->page = take(x, (REACH_PAGES + 1) * sizeof(*at->page));
		if (!at->page)
			return -ENOMEM;
		fill_pages(x, at->page, start, i);
		i = at->page[REACH_PAGES];
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
	return build_pages(x);
}

void reach_index_free(void)
{
	struct reach_index *x = &g_reach_index;

	for (uint32_t g = 0; x->gigabyte && g < x->gigabytes; g++)
		sys_unmap(x->gigabyte[g].page, (REACH_PAGES + 1) * sizeof(*x->gigabyte->page));
	sys_unmap(x->gigabyte, x->gigabytes * sizeof(*x->gigabyte));
	if (x->block)
		sys_unmap(x->block, ((uint64_t)x->room + 1) * sizeof(*x->block));
	*x = (struct reach_index){.block = 0};
}
