/*
 * live_store.c - memory of the table of live blocks: the directory of spans, the pool of lines and
 * ways, sizes too large for a slot, and the locks. Nothing is ever given back or moved. Context:
 * any thread, IN_TRACKER set; it must not be killed half way by anything but the end of the
 * process, but a fork may catch other threads anywhere: each step leaves the table whole.
 */
#include "live_store.h"

#include <errno.h>
#include <sys/mman.h>

enum { LOCKS = 64 };

struct live_region *live_root[1u << (LIVE_ADDRESS_BITS - LIVE_REGION_SHIFT)]
        __attribute__((aligned(4096)));
struct live_region *live_regions;

static struct sys_lock g_region_lock, g_pool_lock, g_huge_lock;
static uint32_t g_pool_next = 1; /* first unit never given out */
static uint32_t g_pool_chunks;   /* mapped, or never to be used */
static uintptr_t g_pool_ready;   /* up to here it has pages */
static uint64_t g_directory_bytes;
static uint64_t g_huge[LIVE_HUGES]; /* 0: free */

static struct {
	struct sys_lock lock;
} __attribute__((aligned(64))) g_lock[LOCKS];

int live_init(void)
{
	/* Where huge pages are always on, one touched entry of the root would cost 2 MB. */
	sys_call(SYS_madvise, live_root, sizeof(live_root), MADV_NOHUGEPAGE);
	return 0;
}

COLD struct live_region *live_store_region(uintptr_t a)
{
	struct live_region **root = &live_root[a >> LIVE_REGION_SHIFT], *r;

	sys_lock(&g_region_lock);
	r = LIVE_LOAD(root);
	if (!r && (r = sys_map(sizeof(*r)))) {
		r->base = a >> LIVE_REGION_SHIFT << LIVE_REGION_SHIFT;
		r->next = live_regions;
		/* Into the walk's list first: no block may be where a walk does not come. */
		LIVE_STORE(&live_regions, r);
		LIVE_STORE(root, r);
		__atomic_fetch_add(&g_directory_bytes, 8192, __ATOMIC_RELAXED);
	}
	sys_unlock(&g_region_lock);
	return r;
}

void live_store_touch(struct live_region *r, const void *in)
{
	size_t page = (size_t)((const char *)in - (const char *)r) / LIVE_PAGE;
	uint64_t bit = 1ull << page % 64;

	if (!live_store_touched(r, in) &&
	    !(__atomic_fetch_or(&r->touched[page / 64], bit, __ATOMIC_ACQ_REL) & bit))
		__atomic_fetch_add(&g_directory_bytes, LIVE_PAGE, __ATOMIC_RELAXED);
}

/* Is there memory for the units from g_pool_next on? Moves that past what the program has there. */
static bool pool_reach(uint32_t n)
{
	for (;;) {
		uint32_t chunk = (g_pool_next + n - 1) >> LIVE_CHUNK_SHIFT;

		if (chunk >= LIVE_CHUNKS)
			return false;
		if (g_pool_next >> LIVE_CHUNK_SHIFT != chunk) /* they must lie together */
			__atomic_store_n(&g_pool_next, chunk << LIVE_CHUNK_SHIFT, __ATOMIC_RELAXED);
		if (chunk < g_pool_chunks)
			return true;
		int r = sys_map_at((uintptr_t)live_unit(chunk << LIVE_CHUNK_SHIFT),
		                   (size_t)LIVE_UNIT << LIVE_CHUNK_SHIFT);

		if (r && r != -EEXIST)
			return false;
		g_pool_chunks = chunk + 1;
		if (!r)
			return true;
		__atomic_store_n(&g_pool_next, g_pool_chunks << LIVE_CHUNK_SHIFT, __ATOMIC_RELAXED);
	}
}

uint32_t live_store_units(uint32_t n)
{
	uint32_t index = 0;

	sys_lock(&g_pool_lock);
	if (pool_reach(n)) {
		index = g_pool_next;
		__atomic_store_n(&g_pool_next, index + n, __ATOMIC_RELAXED);
		/* A word is read before it is put into: that would be two faults a page. */
		sys_populate_ahead(&g_pool_ready, SYS_FIXED_BLOCKS, (uintptr_t)live_unit(index + n),
		                   (uintptr_t)live_unit(g_pool_chunks << LIVE_CHUNK_SHIFT));
	}
	sys_unlock(&g_pool_lock);
	return index;
}

struct sys_lock *live_store_lock(uintptr_t a)
{
	/* By 16 kB: a thread that works in its own part of the heap meets its own locks. */
	return &g_lock[(uint32_t)(a >> 14) * 0x9e3779b1u >> 26].lock;
}

uint64_t live_huge_size(uint32_t number)
{
	return LIVE_LOAD(&g_huge[number % LIVE_HUGES]);
}

COLD int live_huge_put(uint64_t bytes, uint64_t *size)
{
	int r = -ENOMEM;

	sys_lock(&g_huge_lock);
	for (uint32_t i = 0; i < LIVE_HUGES && r; i++) {
		if (LIVE_LOAD(&g_huge[i]))
			continue;
		LIVE_STORE(&g_huge[i], bytes);
		*size = LIVE_HUGE | i;
		r = 0;
	}
	sys_unlock(&g_huge_lock);
	return r;
}

void live_huge_free(uint32_t number)
{
	LIVE_STORE(&g_huge[number % LIVE_HUGES], 0);
}

uint64_t live_bytes_used(void)
{
	return __atomic_load_n(&g_directory_bytes, __ATOMIC_RELAXED) +
	       (uint64_t)__atomic_load_n(&g_pool_next, __ATOMIC_RELAXED) * LIVE_UNIT;
}

void live_fork_child(void)
{
	for (unsigned i = 0; i < LOCKS; i++)
		sys_lock_reset(&g_lock[i].lock);
	sys_lock_reset(&g_region_lock);
	sys_lock_reset(&g_pool_lock);
	sys_lock_reset(&g_huge_lock);
}
