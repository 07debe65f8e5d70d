/*
 * context.h - per-thread counters. A context is leased by a thread for its life and then by another:
 * counters are never lost and need no atomics (only the lessee writes). A site is what one context
 * has counted for one stack. Sites have table-wide numbers, so that a live block needs 23 bits
 * to say both its stack and the thread that made it.
 */
#ifndef OUTLIVE_CONTEXT_H
#define OUTLIVE_CONTEXT_H

#include <stdint.h>

#include "format.h"
#include "stack.h"
#include "track.h"

/* One cache line. Written by the lessee only, read by the snapshot child with relaxed loads. */
struct site {
	uint64_t allocs, bytes;	     /* made by this thread */
	uint64_t frees, bytes_freed; /* given back by this thread, of blocks from this stack */
	uint64_t temporary;	     /* of the frees: freed before this thread allocated again */
	uint32_t size_min, size_max; /* saturated at 4 GB - 1 */
	uint32_t stack;
	uint32_t context;
	uint32_t *lifetimes; /* [FMT_AGE_BUCKETS], NULL until a freed block was older than a tick */
};

/* ---- for the snapshot child: lock-free, no TLS ---- */

uint32_t context_count(void); /* contexts are 1..count */
struct context_info {
	uint32_t tid, n_threads;
	char name[16];
	bool leased;
};
void context_info(uint32_t context, struct context_info *out);
uint32_t site_count(void);		/* sites are 1..count, with holes */
const struct site *site_get(uint32_t site); /* NULL for a hole */

struct context_audit {
	uint64_t lost[8]; /* by FMT_AUDIT_LOST_* */
	uint64_t unknown_frees, unseen_frees;
};
void context_audit(struct context_audit *out);
/* Bytes of contexts and sites. */
uint64_t context_bytes_used(void);
/* Ticks since the image's first hook, now. */
uint32_t context_tick(void);
int context_init(void);

#endif
