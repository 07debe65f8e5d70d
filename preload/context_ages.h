/*
 * context_ages.h - how long the freed blocks of a site lived, by powers of two. A program with very
 * many stacks frees few blocks of each: so a site has its first counts in the word that later leads
 * to an array of them. Exact mode only: in sampled mode there is always an array (context.h).
 */
#ifndef OUTLIVE_CONTEXT_AGES_H
#define OUTLIVE_CONTEXT_AGES_H

#include "arch.h"
#include "context.h"

/* Bit 0 is set: not an address. From bit 4 on five entries, a bucket of 6 bits, 0 for a free one,
 * under a count of 6 bits. */
enum { AGES_FEW = 1, AGES_SHIFT = 4, AGES_BITS = 12, AGES_BUCKET_BITS = 6, AGES_COUNT_MAX = 63 };

/* For the lessee. One more; bucket: fmt_age_bucket(), not 0. No memory: it is not counted. */
void context_ages_few(struct ctx *c, struct site *s, unsigned bucket);
static inline void context_ages_add(struct ctx *c, struct site *s, unsigned bucket)
{
	uintptr_t ages = s->ages;
	uint32_t *count = (uint32_t *)ages;

	if (unlikely(!count || ages & AGES_FEW))
		context_ages_few(c, s, bucket);
	else if (likely(count[bucket] != UINT32_MAX))
		ARCH_ADD(&count[bucket], 1);
}
/* One less, of those added. */
void context_ages_undo(struct site *s, unsigned bucket);

/* For anybody. */
static inline void context_ages(const struct site *s, uint32_t count[FMT_AGE_BUCKETS])
{
	uintptr_t ages = __atomic_load_n(&s->ages, __ATOMIC_ACQUIRE);

	for (unsigned b = 0; b < FMT_AGE_BUCKETS; b++)
		count[b] = ages && !(ages & AGES_FEW)
		                   ? __atomic_load_n((const uint32_t *)ages + b, __ATOMIC_RELAXED)
		                   : 0;
	if (!(ages & AGES_FEW))
		return;
	for (ages >>= AGES_SHIFT; ages; ages >>= AGES_BITS)
		count[ages % (1 << AGES_BUCKET_BITS) % FMT_AGE_BUCKETS] =
		        ages >> AGES_BUCKET_BITS & AGES_COUNT_MAX;
}

/* Of those above bucket 0 all of which there are any, ascending; returns how many. For anybody. */
struct context_age {
	uint32_t bucket, count;
};
/* They are one, as most are, below 64 both. */
static inline bool context_ages_one(uint64_t ages, struct context_age *out)
{
	*out = (struct context_age){ages >> AGES_SHIFT & ((1 << AGES_BUCKET_BITS) - 1),
	                            ages >> AGES_SHIFT >> AGES_BUCKET_BITS & AGES_COUNT_MAX};
	return ages & AGES_FEW && !(ages >> AGES_SHIFT >> AGES_BITS) && out->count;
}
static inline unsigned context_ages_few_list(uint64_t ages, struct context_age *out)
{
	unsigned n = 0;

	for (ages >>= AGES_SHIFT; ages; ages >>= AGES_BITS) {
		struct context_age a = {ages % (1 << AGES_BUCKET_BITS),
		                        ages >> AGES_BUCKET_BITS & AGES_COUNT_MAX};
		unsigned i = n;

		if (!a.count)
			continue;
		for (; i && out[i - 1].bucket > a.bucket; i--)
			out[i] = out[i - 1];
		out[i] = a;
		n++;
	}
	return n;
}
static inline unsigned context_ages_list(const struct site *s,
                                         struct context_age out[FMT_AGE_BUCKETS])
{
	uint64_t ages = __atomic_load_n(&s->ages, __ATOMIC_ACQUIRE);
	unsigned n = 0;

	if (ages & AGES_FEW)
		return context_ages_few_list(ages, out);
	for (unsigned b = 1; ages && b < FMT_AGE_BUCKETS; b++) {
		uint32_t count = __atomic_load_n((const uint32_t *)ages + b, __ATOMIC_RELAXED);

		if (count)
			out[n++] = (struct context_age){b, count};
	}
	return n;
}

#endif
