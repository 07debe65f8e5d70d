/*
 * map.h - memory that the program maps itself: anonymous mmap, mremap, brk. One lock over all of
 * it, held for a few hundred ns, never over a system call. A mapping is one block, however many
 * pieces munmap leaves of it: its bytes go one by one, the block with the last of them.
 *
 * Hooks use track.h's calls; this is for process.c and for the snapshot child.
 */
#ifndef OUTLIVE_MAP_H
#define OUTLIVE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "format.h"

/* What one thread's context has counted for one stack. */
struct map_site {
	uint64_t allocs, bytes;
	uint64_t frees, bytes_freed; /* by this thread, of mappings from this stack */
	uint64_t size_min, size_max;
	uint32_t stack, context;
	uint32_t lifetimes[FMT_AGE_BUCKETS];
};

void map_fork_child(void);

/* ---- for the snapshot child: lock-free, no TLS ---- */

uint32_t map_site_count(void); /* sites are 1..count */
const struct map_site *map_site_get(uint32_t site);

struct map_view {
	uint64_t bytes;       /* that are mapped now */
	uint32_t site, birth; /* ticks */
};
/* Each piece of memory that is mapped now, in no order. Nobody may be changing them: the caller
 * holds map_hold(), or has a copy of memory that was made under it. */
void map_each(void (*fn)(uintptr_t start, uintptr_t end, void *arg), void *arg);
/* While all threads are stopped none may be half way in here. IN_TRACKER, or all signals blocked;
 * false when the calling thread itself is half way, or another does not come to an end. */
bool map_hold(void);
void map_let_go(void);
uint32_t map_count(void); /* mappings are 1..count */
bool map_get(uint32_t mapping, struct map_view *out);
uint64_t map_lost(void);
uint64_t map_bytes_used(void);

#endif
