/*
 * sample.h - sampled mode: which allocations are recorded, and what each of them stands for.
 *
 * Bytes that the program allocates lie on a line, those of each block and one more, so that an
 * empty block has a chance, too; sample points lie on it at random, one in g_sample_period bytes on
 * average (a Poisson process). A block is recorded when at least one point falls into it: with
 * probability p = 1 - exp(-(size + 1) / period), whatever was allocated before. Each recorded block
 * counts for 1 / p blocks and size / p bytes: sums of these are unbiased for any mixture of sizes
 * (the correction of runtime/pprof's scaleHeapSample, for each block by itself). What is asked for
 * and not given lies on the line as well: it need not be known beforehand that it is not. A period
 * of 1 leaves nothing to chance: there is a point in every byte.
 *
 * Exact mode is a period of 0: then every allocation takes the way of a sample, and counts for
 * itself.
 *
 * Everything here may be used in a signal handler and takes no lock.
 */
#ifndef OUTLIVE_SAMPLE_H
#define OUTLIVE_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SAMPLE_FRACTION_BITS = 16, /* blocks are counted in 2^-16 */
	SAMPLE_SLOT_BITS = 16,
	SAMPLE_SLOTS = 1 << SAMPLE_SLOT_BITS,
	SAMPLE_SPREAD = 1 + (1 << 12)
};
#define SAMPLE_PERIOD_MAX (1ull << 32)

/* Mean bytes between samples; 0: exact. Set once, before tracking begins. */
extern uint64_t g_sample_period __attribute__((visibility("hidden")));
/* libc's own allocator serves the program, or jemalloc: calls that are no samples go straight to
 * it.
 */
extern bool g_sample_direct __attribute__((visibility("hidden")));
/* How many live samples have an address that falls into the slot; 255 stays for ever. */
extern uint8_t g_sample_filter[SAMPLE_SLOTS] __attribute__((visibility("hidden")));

/* The address in steps of 16, and in steps of 65536, added up, in two instructions. Neighbours in
 * the heap are neighbours here: frees meet lines of the filter as they meet lines of the heap. The
 * higher bits keep what is aligned to pages from sharing a few slots. */
static inline uint32_t sample_slot(uintptr_t address)
{
	return (uint32_t)address * (uint32_t)SAMPLE_SPREAD >> (32 - SAMPLE_SLOT_BITS);
}

/* False: no sample lives at this address. */
static inline bool sample_may_live(uintptr_t address)
{
	return __atomic_load_n(&g_sample_filter[sample_slot(address)], __ATOMIC_RELAXED) != 0;
}

/* For each sample that comes into the table of live blocks, or leaves it. */
void sample_filter_add(uintptr_t address);
void sample_filter_remove(uintptr_t address);

/* period: at most SAMPLE_PERIOD_MAX. seed 0: another in each process. */
void sample_init(uint64_t period, uint64_t seed);

/*
 * Is an allocation of `bytes` one to be recorded? If so, the distance to the next sample point is
 * drawn, else what the allocation takes of the line is taken from it. *left, the bytes before that
 * point, and *random are the thread's own, 0 at first.
 */
bool sample_draw(uint64_t *left, uint64_t *random, uint64_t bytes);

/* What a block of this size counts for. A function of the size alone: a free takes away exactly
 * what the allocation has added. */
struct sample_weight {
	uint64_t objects, bytes; /* objects in 2^-SAMPLE_FRACTION_BITS */
	/* What it adds to the variance of these sums: see FMT_SAMPLED in format.h for the units. */
	uint64_t objects_variance, bytes_variance;
};
void sample_weigh(uint64_t size, struct sample_weight *out);

/* A whole number of blocks, whose expectation is `objects`. */
uint32_t sample_round(uint64_t *random, uint64_t objects);

/* The nearest number of blocks. */
static inline uint64_t sample_blocks(uint64_t objects)
{
	if (__builtin_expect(!g_sample_period, 1))
		return objects;
	return (objects + (1u << (SAMPLE_FRACTION_BITS - 1))) >> SAMPLE_FRACTION_BITS;
}

#endif
