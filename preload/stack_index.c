/*
 * stack_index.c - the index of the tree's nodes: see stack_index.h. Owns shards that double one at
 * a time, so that no call waits for more than a small part of it. An outgrown shard stays mapped
 * for readers, but is emptied. Context: any thread, a signal handler too, IN_TRACKER set.
 */
#include "stack_index.h"

#include <sys/mman.h>

#include "arch.h"
#include "stack_node.h"

enum {
	SHARD_FIRST_LOG2 = 4,
	GROW_AHEAD = 16 /* nodes that are fetched ahead while a shard is copied */
};

uintptr_t g_stack_shard[STACK_SHARDS];
static uint32_t g_used[STACK_SHARDS]; /* slots */
static uint64_t g_index_bytes;
static char *g_spare, *g_spare_end; /* small shards are cut from this */

/* ---- finding ---- */

/* Without some bits of a hash where a node is named, a frame that is new would be compared with
 * several old ones, and each of them is a cache miss. */
static inline uint32_t slot_tag(uint32_t what)
{
	return hash_what(what) & 0xff000000;
}

static inline uint32_t place_far(uint32_t parent, uint32_t what)
{
	return stack_index_mix((uint64_t)parent << 32 | what);
}

static inline uint32_t is_child(uint32_t n, uint32_t parent, uint32_t what)
{
	return n < STACK_NODE_MAX && likely(node_at(n)->parent == parent) &&
	       likely(node_at(n)->what == what);
}

#ifndef __SANITIZE_THREAD__
#define tag_match arch_tag_match
#else
static inline unsigned tag_match(const uint32_t slot[STACK_LINE], uint32_t want, unsigned *zero)
{
	unsigned is = 0;

	*zero = 0;
	for (unsigned k = 0; k < STACK_LINE; k++) {
		uint32_t v = __atomic_load_n(&slot[k], __ATOMIC_ACQUIRE);

		*zero |= (unsigned)!v << k;
		is |= (unsigned)!((v ^ want) >> 24) << k;
	}
	return is;
}
#endif

static uint32_t find_far(struct stack_shard s, uint32_t parent, uint32_t what)
{
	const uint32_t tag = slot_tag(what);

	for (uint32_t i = place_far(parent, what);; i++) {
		uint32_t slot = __atomic_load_n(&s.slot[i & s.mask], __ATOMIC_ACQUIRE);

		if (!slot)
			return 0;
		if (is_child(slot ^ tag, parent, what))
			return slot ^ tag;
	}
}

uint32_t stack_index_find(uint32_t parent, uint32_t what)
{
	const uint32_t mixed = stack_index_mix(parent);
	const struct stack_shard s = stack_shard_get(stack_shard_of(mixed));
	const uint32_t tag = slot_tag(what);
	unsigned zero, is;

	if (unlikely(!s.slot))
		return 0;
	const uint32_t *line = stack_line_of(s, mixed);

	/* All at once, without a branch for each. */
	for (is = tag_match(line, tag, &zero) & ~zero; is; is &= is - 1) {
		uint32_t n = __atomic_load_n(&line[__builtin_ctz(is)], __ATOMIC_ACQUIRE) ^ tag;

		if (is_child(n, parent, what))
			return n;
	}
	return zero ? 0 : find_far(s, parent, what);
}

/* ---- growing; under the tree's lock ---- */

static void *map_part(size_t bytes)
{
	enum { SPARE = 1 << 18 };

	if (bytes > SPARE / 8)
		return sys_map(bytes);
	if ((size_t)(g_spare_end - g_spare) < bytes) {
		char *p = sys_map(SPARE);

		if (!p)
			return NULL;
		g_spare = p;
		g_spare_end = p + SPARE;
	}
	void *p = g_spare;

	g_spare += (bytes + 63) & ~63ul;
	return p;
}

static struct stack_shard shard_new(unsigned log2)
{
	size_t bytes = sizeof(uint32_t) << log2;
	uint32_t *slot = map_part(bytes);

	if (slot) {
		if (bytes > 2 * MEM_PAGE) /* what it takes over is spread over all of it */
			sys_populate(slot, bytes);
		__atomic_add_fetch(&g_index_bytes, bytes, __ATOMIC_RELAXED);
	}
	return (struct stack_shard){slot, (1u << log2) - 1};
}

static uint32_t *free_slot(struct stack_shard s, uint32_t parent, uint32_t what)
{
	uint32_t *line = stack_line_of(s, stack_index_mix(parent)), i;
	unsigned zero;

	tag_match(line, 0, &zero);
	if (likely(zero))
		return &line[__builtin_ctz(zero)];
	for (i = place_far(parent, what); s.slot[i & s.mask]; i++)
		;
	return s.slot + (i & s.mask);
}

static void put(struct stack_shard s, uint32_t n)
{
	const struct stack_kept *c = node_at(n);
	uint32_t *slot = free_slot(s, c->parent, c->what);

	__atomic_store_n(slot, n | slot_tag(c->what), __ATOMIC_RELEASE);
}

/* A reader may be in it, and finds nothing from now on: it will look again under the lock. Its
 * whole pages are given back. */
static void shard_empty(struct stack_shard s)
{
	uintptr_t lo = ((uintptr_t)s.slot + MEM_PAGE - 1) & ~(uintptr_t)(MEM_PAGE - 1);
	uintptr_t hi = (uintptr_t)&s.slot[s.mask + 1] & ~(uintptr_t)(MEM_PAGE - 1);

	if (lo < hi && !sys_call(SYS_madvise, lo, hi - lo, MADV_DONTNEED))
		__atomic_sub_fetch(&g_index_bytes, hi - lo, __ATOMIC_RELAXED);
}

/* Twice as large, if there is memory. */
static void shard_grow(unsigned which)
{
	struct stack_shard old = stack_shard_get(which);
	unsigned log2 = old.slot ? (unsigned)(g_stack_shard[which] & 63) + 1 : SHARD_FIRST_LOG2;
	struct stack_shard s = shard_new(log2);

	if (!s.slot)
		return;
	for (uint32_t i = 0; old.slot && i <= old.mask; i++) {
		uint32_t ahead = old.slot[(i + GROW_AHEAD) & old.mask] % STACK_NODE_MAX;
		uint32_t n = old.slot[i] % STACK_NODE_MAX;

		if (ahead)
			__builtin_prefetch(node_at(ahead));
		if (n)
			put(s, n);
	}
	__atomic_store_n(&g_stack_shard[which], (uintptr_t)s.slot | log2, __ATOMIC_RELEASE);
	if (old.slot)
		shard_empty(old);
}

bool stack_index_ready(uint32_t parent)
{
	const unsigned which = stack_shard_of(stack_index_mix(parent));
	struct stack_shard s = stack_shard_get(which);

	if (!s.slot || g_used[which] > s.mask / 2) {
		shard_grow(which);
		s = stack_shard_get(which);
	}
	return s.slot && g_used[which] < s.mask;
}

void stack_index_add(uint32_t node)
{
	const unsigned which = stack_shard_of(stack_index_mix(node_at(node)->parent));

	put(stack_shard_get(which), node);
	g_used[which]++;
}

uint64_t stack_index_bytes(void)
{
	return __atomic_load_n(&g_index_bytes, __ATOMIC_RELAXED);
}
