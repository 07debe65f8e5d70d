/*
 * totals.h - what the heap has counted so far, in four sums: totals.c.
 */
#ifndef OUTLIVE_TOTALS_H
#define OUTLIVE_TOTALS_H

#include <stdint.h>

struct totals {
	uint64_t allocs, alloc_bytes, frees, free_bytes;
};

/* Without locks, while other threads go on; never more freed than made. Any context; costs 10 ns
 * for each call stack that has allocated. */
void totals_read(struct totals *t);

#endif
