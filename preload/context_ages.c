/*
 * context_ages.c - the counts of context_ages.h that are few. Owns nothing; arrays come from the
 * context's memory, for ever. Context: the lessee, in a signal handler too, IN_TRACKER set; the
 * snapshot child reads meanwhile: the word always says all.
 */
#include "context_ages.h"

#define SET(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

enum { BUCKET = (1 << AGES_BUCKET_BITS) - 1, ONE = 1 << AGES_BUCKET_BITS };

void context_ages_few(struct ctx *c, struct site *s, unsigned bucket)
{
	uint64_t ages = s->ages;

	for (unsigned at = AGES_SHIFT; at < 64; at += AGES_BITS) {
		uint64_t entry = ages >> at;

		if (!entry) {
			SET(&s->ages, ages | AGES_FEW | (uint64_t)(bucket | ONE) << at);
			return;
		}
		if ((entry & BUCKET) != bucket)
			continue;
		if ((entry >> AGES_BUCKET_BITS & AGES_COUNT_MAX) == AGES_COUNT_MAX)
			break;
		SET(&s->ages, ages + ((uint64_t)ONE << at));
		return;
	}
	uint32_t *count = context_small(c, FMT_AGE_BUCKETS * sizeof(uint32_t));

	if (!count)
		return;
	context_ages(s, count);
	count[bucket]++;
	SET(&s->ages, (uintptr_t)count);
}

void context_ages_undo(struct site *s, unsigned bucket)
{
	uint64_t ages = s->ages;
	uint32_t *count = (uint32_t *)s->ages;

	if (count && !(ages & AGES_FEW)) {
		if (count[bucket])
			ARCH_ADD(&count[bucket], -1u);
		return;
	}
	for (unsigned at = AGES_SHIFT; at < 64 && ages >> at; at += AGES_BITS)
		if ((ages >> at & BUCKET) == bucket &&
		    (ages >> at >> AGES_BUCKET_BITS & AGES_COUNT_MAX)) {
			SET(&s->ages, ages - ((uint64_t)ONE << at));
			return;
		}
}
