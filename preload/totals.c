/*
 * totals.c - sums over all sites. Context: any thread, signal handlers, the snapshot child: reads
 * as context.h allows, no locks, no TLS.
 */
#include "totals.h"

#include "context.h"
#include "sample.h"

/* Frees before allocations: else what is made meanwhile would be missing, not only what is freed.
 */
void totals_read(struct totals *t)
{
	uint32_t n = site_count();
	const struct site *site;

	*t = (struct totals){0};
	for (uint32_t i = 1; i <= n; i++)
		if ((site = site_get(i))) {
			t->frees += __atomic_load_n(&site->frees, __ATOMIC_ACQUIRE);
			t->free_bytes += __atomic_load_n(&site->bytes_freed, __ATOMIC_ACQUIRE);
		}
	n = site_count();
	for (uint32_t i = 1; i <= n; i++)
		if ((site = site_get(i))) {
			t->allocs += __atomic_load_n(&site->allocs, __ATOMIC_ACQUIRE);
			t->alloc_bytes += __atomic_load_n(&site->bytes, __ATOMIC_ACQUIRE);
		}
	t->allocs = sample_blocks(t->allocs);
	t->frees = sample_blocks(t->frees);
}
