/*
 * churn.c - tells growth from churn: a site that allocates and frees a lot out-allocates every real
 * leak.
 *
 * A row (one call stack) is churn when
 *   1. everything that it allocated since A has been freed, or
 *   2. every block born since A and alive at B is younger than 99 % of the row's freed blocks
 * lived: a request that is still in flight. But not when its blocks only ever grew: a list that
 * grows by realloc frees all but its last block, and that one is young, too. A row that freed
 * nothing never is churn, and the share that it freed is no measure.
 *
 * It is asked by stack, not by function: a cache and a parser may both call copy(), and one of them
 * leaks. Times are in ticks and buckets of format.h; each comparison leans towards what the
 * rounding allows.
 */
#include "profile.h"

uint32_t histogram_quantile(const struct histogram *h, unsigned permille)
{
	uint64_t all = 0, seen = 0;

	for (uint32_t i = 0; i < h->n; i++)
		all = addu_sat(all, h->at[i].blocks);
	/* The share that may lie above, so that no product can overflow. */
	uint64_t above = all / 1000 * (1000 - permille) + all % 1000 * (1000 - permille) / 1000;
	for (uint32_t i = 0; i < h->n; i++) {
		seen = addu_sat(seen, h->at[i].blocks);
		if (seen >= all - above)
			return h->at[i].bucket;
	}
	return 0;
}

/*
 * Ages are differences of rounded times, so a block's bucket can be off by one tick at each end.
 * `since` is the age that a block born at A has at B.
 */
static bool surely_born_since(uint32_t bucket, uint64_t since_ns)
{
	return fmt_fine_floor(bucket + 1) + 1 <= since_ns >> FMT_TICK_SHIFT;
}

static bool surely_older(uint32_t bucket, uint64_t since_ns)
{
	return fmt_fine_floor(bucket) > (since_ns >> FMT_TICK_SHIFT) + 1;
}

struct histogram row_survivors(const struct profile *p, const struct row *r)
{
	struct histogram h = r->ages;

	while (p->same_run && h.n && surely_older(h.at[h.n - 1].bucket, p->since_ns))
		h.n--;
	return h;
}

/* The bucket that A falls into holds blocks of both sides. Blocks that lived at A can be no more
 * than A had young enough to have this age at B: bucket is one of A's. */
bool churn_is_young(uint32_t bucket, uint64_t since_ns)
{
	uint64_t since = since_ns >> FMT_TICK_SHIFT;
	uint32_t at_a = fmt_fine_bucket(since + 1);

	return fmt_fine_floor(bucket) + since <= fmt_fine_floor(at_a + 1) + 1;
}

/* Blocks born since A and alive at B: how many, their bytes, the age of the oldest in ticks (its
 * bucket's floor). */
struct alive {
	uint64_t blocks, bytes, oldest;
};

static struct alive alive_since(const struct row *r, bool same_run, uint64_t since_ns)
{
	struct alive a = {0};
	uint64_t in_doubt = 0, in_doubt_bytes = 0, in_doubt_oldest = 0;

	for (uint32_t i = 0; i < r->ages.n; i++) {
		const struct bin *bin = &r->ages.at[i];
		if (same_run && surely_older(bin->bucket, since_ns))
			continue;
		if (same_run && !surely_born_since(bin->bucket, since_ns)) {
			in_doubt = addu_sat(in_doubt, bin->blocks);
			in_doubt_bytes = addu_sat(in_doubt_bytes, bin->bytes);
			in_doubt_oldest = fmt_fine_floor(bin->bucket);
			continue;
		}
		a.blocks = addu_sat(a.blocks, bin->blocks);
		a.bytes = addu_sat(a.bytes, bin->bytes);
		a.oldest = fmt_fine_floor(bin->bucket);
	}
	if (in_doubt > r->base_young) {
		a.blocks = addu_sat(a.blocks, in_doubt);
		a.bytes = addu_sat(a.bytes, in_doubt_bytes);
		a.oldest = in_doubt_oldest;
	}
	return a;
}

/*
 * A list that grows by realloc: what lives is as large as anything that was ever made there, larger
 * than all before A, and there were no more allocations than sizes that the lists can have had on
 * their way up.
 */
static bool only_grew(const struct row *r, const struct alive *a, uint64_t born)
{
	uint64_t low = r->base_size_max ? r->base_size_max : r->size_min, room;

	if (r->size_max <= low || !a->blocks || a->bytes / a->blocks != r->size_max)
		return false;
	return __builtin_mul_overflow(r->size_max - low + 1, a->blocks, &room) || born <= room;
}

bool churn_is(const struct row *r, bool same_run, uint64_t since_ns)
{
	uint64_t listed = 0;
	int64_t born = r->value[ALLOC_OBJECTS];

	if (!same_run)
		born = add_sat(born, r->base[ALLOC_OBJECTS]);
	if (born <= 0 || !r->frees)
		return false;
	for (uint32_t i = 0; i < r->ages.n; i++)
		listed = addu_sat(listed, r->ages.at[i].blocks);
	if (listed < r->live_blocks) /* of some nobody knows the age: no acquittal */
		return false;
	struct alive a = alive_since(r, same_run, since_ns);
	if (!a.blocks)
		return true;
	if (only_grew(r, &a, (uint64_t)born))
		return false;
	/* Buckets of lifetimes are wide, and both times are rounded: up to the upper end,
	 * inclusive. */
	uint32_t bucket = histogram_quantile(&r->lifetimes, 990);
	return a.oldest <= UINT64_C(1) << bucket;
}
