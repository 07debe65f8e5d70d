/*
 * histogram.c - sums and differences of histograms. Bins that come from a snapshot are shared until
 * they must be changed. Owns no memory but what it takes from the pool it is given.
 */
#include "histogram.h"

#include <string.h>

/* How many bins both have together. */
static uint32_t histogram_union(const struct histogram *h, const struct histogram *from)
{
	uint32_t n = h->n + from->n;

	for (uint32_t i = 0, j = 0; i < h->n && j < from->n;) {
		uint32_t x = h->at[i].bucket, y = from->at[j].bucket;
		n -= x == y;
		i += x <= y;
		j += y <= x;
	}
	return n;
}

static uint64_t blocks_sum(uint64_t a, uint64_t b)
{
	return a + b < BIN_MOST ? a + b : BIN_MOST;
}

/* Bins of its own, with room for n. */
static void histogram_own(struct pool *pool, struct histogram *h, uint32_t n)
{
	struct bin *at = pool_alloc(pool, n * sizeof(*at));

	if (h->n)
		memcpy(at, h->at, h->n * sizeof(*at));
	h->at = at;
	h->cap = n;
}

/* Adds in place, from the last bin downwards; room doubles, so that many small samples of one row
 * stay cheap. */
void histogram_add(struct pool *pool, struct histogram *h, const struct histogram *from)
{
	uint32_t n = histogram_union(h, from), i = h->n, j = from->n;

	/* Most rows are of one sample. */
	if (!h->n) {
		*h = (struct histogram){.n = from->n, .at = from->at};
		return;
	}
	if (n > h->cap)
		histogram_own(pool, h, 2 * n);
	h->n = n;
	while (j) {
		struct bin b = from->at[j - 1];
		if (i && h->at[i - 1].bucket > b.bucket) {
			h->at[--n] = h->at[--i];
			continue;
		}
		if (i && h->at[i - 1].bucket == b.bucket) {
			i--;
			b.blocks = blocks_sum(b.blocks, h->at[i].blocks) & BIN_MOST;
			b.bytes = addu_sat(b.bytes, h->at[i].bytes);
		}
		h->at[--n] = b;
		j--;
	}
}

void histogram_subtract(struct pool *pool, struct histogram *h, const struct histogram *from)
{
	uint32_t n = 0, j = 0;

	if (!h->cap && h->n)
		histogram_own(pool, h, h->n);
	for (uint32_t i = 0; i < h->n; i++) {
		struct bin b = h->at[i];
		while (j < from->n && from->at[j].bucket < b.bucket)
			j++;
		if (j < from->n && from->at[j].bucket == b.bucket) {
			uint64_t less = from->at[j].blocks;
			b.blocks = b.blocks > less ? (b.blocks - less) & BIN_MOST : 0;
			b.bytes -= b.bytes < from->at[j].bytes ? b.bytes : from->at[j].bytes;
		}
		if (b.blocks)
			h->at[n++] = b;
	}
	h->n = n;
}
