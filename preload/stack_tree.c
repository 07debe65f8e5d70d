/*
 * stack_tree.c - the tree of stacks: see stack_tree.h. Owns nodes, numbers and the index of edges,
 * in own mappings that grow by chunks and are never moved, but for the index: it is in shards that
 * double one at a time, so that no call waits for more than a small part of it. An outgrown shard
 * stays mapped for readers, but is emptied. An item is complete before the count that covers it is
 * raised: the snapshot child reads without a lock. Context: any thread, a signal handler too,
 * IN_TRACKER set.
 *
 * Most nodes have one child, which lies next to them in memory: a node leads to its first child
 * itself, for ever, and only its further ones are in the index. What is new is mostly known to be
 * new without a look there: most frames of a new stack are children of new nodes.
 */
#include "stack_tree.h"

#include <stddef.h>
#include <sys/mman.h>

#include "arch.h"
#include "format.h"
#include "stack_frame.h"

enum {
	NODES_LOG2 = 14, /* of a chunk */
	NODES = 1 << NODES_LOG2,
	SHARDS_LOG2 = 7,
	SHARDS = 1 << SHARDS_LOG2,
	SHARD_FIRST_LOG2 = 4,
	LINE = 16,      /* slots in a cache line, in which siblings lie together */
	AHEAD = 4,      /* nodes in a cache line */
	GROW_AHEAD = 16 /* nodes that are fetched ahead while a shard is copied */
};

/* struct stack_kept, first: a child's number, under 7 bits of a hash of what it is, and FURTHER; 0
 * none. */
#define FURTHER (1u << 31) /* there are others, in the index */
/* A slot: 8 bits of a hash of what it is over a node's number; 0 free. */
struct shard {
	uint32_t *slot; /* NULL: there is none yet */
	uint32_t mask;
};

static struct stack_kept *g_nodes[STACK_NODE_MAX / NODES];
static struct stack_kept g_root; /* only its children */
static uint32_t *g_leaves[STACK_MAX / NODES];
/* Where a shard's slots lie, and in the bits below that the logarithm of how many: one word tells a
 * reader both. 0: none, they are made when needed, for few stacks touch few pages. */
static uintptr_t g_shard[SHARDS];
static uint32_t g_used[SHARDS]; /* slots */
static uint32_t g_n_nodes, g_n_stacks;
static uint32_t g_n_paths; /* that were added: as many as before, and a look before it tells all */
static uint64_t g_index_bytes;
static char *g_spare, *g_spare_end; /* small shards are cut from this */
static uintptr_t g_nodes_ready;     /* up to here there are pages */
static struct sys_lock g_lock;

static struct stack_kept *node_at(uint32_t n)
{
	return &g_nodes[n >> NODES_LOG2][n & (NODES - 1)];
}

static uint32_t *leaf_at(uint32_t stack)
{
	return &g_leaves[stack >> NODES_LOG2][stack & (NODES - 1)];
}

/* ---- finding ---- */

static inline uint32_t mix(uint64_t v)
{
	v *= 0x9e3779b97f4a7c15ul;
	return (uint32_t)((v ^ v >> 29) * 0xbf58476d1ce4e5b9ul >> 32);
}

static inline uint32_t hash_what(uint32_t what)
{
	return what * 0x9e3779b1u;
}

/* Without some bits of a hash where a node is named, a frame that is new would be compared with
 * several old ones, and each of them is a cache miss. */
static inline uint32_t slot_tag(uint32_t what)
{
	return hash_what(what) & 0xff000000;
}

static inline uint32_t child_tag(uint32_t what)
{
	return hash_what(what) & 0x7f000000;
}

static inline unsigned shard_of(uint32_t parent)
{
	return mix(parent) >> (32 - SHARDS_LOG2);
}

static inline struct shard shard_get(unsigned which)
{
	const uintptr_t v = __atomic_load_n(&g_shard[which], __ATOMIC_ACQUIRE);

	return (struct shard){(uint32_t *)(v & ~63ul), (1u << (v & 63)) - 1};
}

/*
 * Where a child is looked for: in its parent's line, and if all slots there are taken, from a place
 * of its own on until one is free. Its siblings are near: who was under a parent a moment ago comes
 * there again.
 */
static inline uint32_t *line_of(struct shard s, uint32_t parent)
{
	return s.slot + (mix(parent) & s.mask & ~(LINE - 1u));
}

static inline uint32_t place_far(uint32_t parent, uint32_t what)
{
	return mix((uint64_t)parent << 32 | what);
}

static inline uint32_t is_child(uint32_t n, uint32_t parent, uint32_t what)
{
	return n < STACK_NODE_MAX && likely(node_at(n)->parent == parent) &&
	       likely(node_at(n)->what == what);
}

#ifndef __SANITIZE_THREAD__
#define tag_match arch_tag_match
#else
static inline unsigned tag_match(const uint32_t slot[LINE], uint32_t want, unsigned *zero)
{
	unsigned is = 0;

	*zero = 0;
	for (unsigned k = 0; k < LINE; k++) {
		uint32_t v = __atomic_load_n(&slot[k], __ATOMIC_ACQUIRE);

		*zero |= (unsigned)!v << k;
		is |= (unsigned)!((v ^ want) >> 24) << k;
	}
	return is;
}
#endif

static uint32_t find_far(struct shard s, uint32_t parent, uint32_t what)
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

static uint32_t find_further(uint32_t parent, uint32_t what)
{
	const struct shard s = shard_get(shard_of(parent));
	const uint32_t tag = slot_tag(what);
	unsigned zero, is;

	if (unlikely(!s.slot))
		return 0;
	const uint32_t *line = line_of(s, parent);

	/* All at once, without a branch for each. */
	for (is = tag_match(line, tag, &zero) & ~zero; is; is &= is - 1) {
		uint32_t n = __atomic_load_n(&line[__builtin_ctz(is)], __ATOMIC_ACQUIRE) ^ tag;

		if (is_child(n, parent, what))
			return n;
	}
	return zero ? 0 : find_far(s, parent, what);
}

/* 0: not there, or not yet seen by this thread. */
static inline uint32_t find(uint32_t parent, uint32_t what)
{
	const struct stack_kept *p = parent ? node_at(parent) : &g_root;
	uint32_t first = __atomic_load_n(&p->first, __ATOMIC_ACQUIRE);
	uint32_t n = (first & ~FURTHER) ^ child_tag(what);

	if (first && n < STACK_NODE_MAX && node_at(n)->what == what)
		return n;
	return first & FURTHER ? find_further(parent, what) : 0;
}

void stack_tree_prefetch(uint32_t parent)
{
	const struct shard s = shard_get(shard_of(parent));

	__builtin_prefetch(node_at(parent));
	if (likely(s.slot))
		__builtin_prefetch(line_of(s, parent));
}

/* ---- growing; under the lock ---- */

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

static struct shard shard_new(unsigned log2)
{
	size_t bytes = sizeof(uint32_t) << log2;
	uint32_t *slot = map_part(bytes);

	if (slot) {
		if (bytes > 2 * MEM_PAGE) /* what it takes over is spread over all of it */
			sys_populate(slot, bytes);
		__atomic_add_fetch(&g_index_bytes, bytes, __ATOMIC_RELAXED);
	}
	return (struct shard){slot, (1u << log2) - 1};
}

static uint32_t *free_slot(struct shard s, uint32_t parent, uint32_t what)
{
	uint32_t *line = line_of(s, parent), i = place_far(parent, what);
	unsigned zero;

	tag_match(line, 0, &zero);
	if (zero)
		return &line[__builtin_ctz(zero)];
	while (s.slot[i & s.mask])
		i++;
	return s.slot + (i & s.mask);
}

static void put(struct shard s, uint32_t n)
{
	const struct stack_kept *c = node_at(n);
	uint32_t *slot = free_slot(s, c->parent, c->what);

	__atomic_store_n(slot, n | slot_tag(c->what), __ATOMIC_RELEASE);
}

/* A reader may be in it, and finds nothing from now on: it will look again under the lock. Its
 * whole pages are given back. */
static void shard_empty(struct shard s)
{
	uintptr_t lo = ((uintptr_t)s.slot + MEM_PAGE - 1) & ~(uintptr_t)(MEM_PAGE - 1);
	uintptr_t hi = (uintptr_t)&s.slot[s.mask + 1] & ~(uintptr_t)(MEM_PAGE - 1);

	if (lo < hi && !sys_call(SYS_madvise, lo, hi - lo, MADV_DONTNEED))
		__atomic_sub_fetch(&g_index_bytes, hi - lo, __ATOMIC_RELAXED);
}

/* Twice as large, if there is memory. */
static void shard_grow(unsigned which)
{
	struct shard old = shard_get(which);
	unsigned log2 = old.slot ? (unsigned)(g_shard[which] & 63) + 1 : SHARD_FIRST_LOG2;
	struct shard s = shard_new(log2);

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
	__atomic_store_n(&g_shard[which], (uintptr_t)s.slot | log2, __ATOMIC_RELEASE);
	if (old.slot)
		shard_empty(old);
}

/* Has the shard room for one more? */
static bool shard_is_ready(unsigned which)
{
	struct shard s = shard_get(which);

	if (!s.slot || g_used[which] > s.mask / 2) {
		shard_grow(which);
		s = shard_get(which);
	}
	return s.slot && g_used[which] < s.mask;
}

/* Pages for some nodes behind this one, too: each alone would cost as much as all. */
static __attribute__((noinline)) void populate(uint32_t last)
{
	const uintptr_t chunk = (uintptr_t)g_nodes[last >> NODES_LOG2];
	const uintptr_t used = ((uintptr_t)last & -(uintptr_t)NODES) * sizeof(struct stack_kept);

	sys_populate_ahead(&g_nodes_ready, chunk - used, (uintptr_t)(node_at(last) + 1),
	                   chunk + NODES * sizeof(struct stack_kept));
}

/* Memory for n more nodes? */
static bool have_room(uint32_t n)
{
	uint32_t last = g_n_nodes + n, chunk = last >> NODES_LOG2;

	if (last >= STACK_NODE_MAX)
		return false;
	/* A path is shorter than a chunk. */
	for (uint32_t i = (g_n_nodes + 1) >> NODES_LOG2; i <= chunk; i++) {
		if (g_nodes[i])
			continue;
		struct stack_kept *p = sys_map(NODES * sizeof(*p));

		if (!p)
			return false;
		__atomic_store_n(&g_nodes[i], p, __ATOMIC_RELEASE);
		g_nodes_ready = (uintptr_t)p;
	}
	if (unlikely((uintptr_t)(node_at(last) + 1) > g_nodes_ready))
		populate(last);
	return true;
}

/* The number of the stack that ends at a node that has none. 0 when there is no room. */
static uint32_t new_number(uint32_t node)
{
	uint32_t s = g_n_stacks + 1;

	if (s >= STACK_MAX)
		return 0;
	if (!g_leaves[s >> NODES_LOG2]) {
		uint32_t *chunk = sys_map(NODES * sizeof(*chunk));

		if (!chunk)
			return 0;
		__atomic_store_n(&g_leaves[s >> NODES_LOG2], chunk, __ATOMIC_RELEASE);
	}
	*leaf_at(s) = node;
	__atomic_store_n(&g_n_stacks, s, __ATOMIC_RELEASE);
	__atomic_store_n(&node_at(node)->number, s, __ATOMIC_RELEASE);
	return s;
}

/* None of these frames has a node. All of them get one, each the first child of the one before it;
 * nobody sees them yet. False when there is no room. */
static bool make_nodes(uint32_t parent, struct frame *frame, uint32_t n)
{
	uint32_t at = g_n_nodes + 1;

	if (!have_room(n))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!(frame[i].what & (STACK_FRAME_MAX - 1)))
			return false;
	for (uint32_t i = 0; i < n; i++, at++) {
		uint32_t first = i + 1 < n ? (at + 1) | child_tag(frame[i + 1].what) : 0;

		*node_at(at) = (struct stack_kept){
		        .what = frame[i].what, .parent = parent, .first = first};
		frame[i].node = parent = at;
	}
	__atomic_store_n(&g_n_nodes, at - 1, __ATOMIC_RELEASE);
	__builtin_prefetch(node_at(parent) + AHEAD, 1); /* for the next path */
	return true;
}

/* Under a node that has no such child. A capture ends at the last one. */
static bool add_path(uint32_t parent, struct frame *frame, uint32_t n)
{
	struct stack_kept *p = parent ? node_at(parent) : &g_root;
	const unsigned which = shard_of(parent);
	const bool further = p->first;

	if ((further && !shard_is_ready(which)) || !make_nodes(parent, frame, n))
		return false;
	new_number(frame[n - 1].node);
	if (further) {
		put(shard_get(which), frame[0].node);
		g_used[which]++;
	}
	__atomic_store_n(&p->first,
	                 further ? p->first | FURTHER : frame[0].node | child_tag(frame[0].what),
	                 __ATOMIC_RELEASE);
	__atomic_store_n(&g_n_paths, g_n_paths + 1, __ATOMIC_RELEASE);
	return true;
}

/* The first of these frames was not there when we looked, with so many paths. How many have got
 * their nodes. */
static __attribute__((noinline)) uint32_t not_found(uint32_t parent, struct frame *frame,
                                                    uint32_t n, uint32_t paths)
{
	sys_lock(&g_lock);
	frame[0].node = g_n_paths != paths ? find(parent, frame[0].what) : 0;
	uint32_t done = frame[0].node ? 1 : add_path(parent, frame, n) ? n : 0;

	sys_unlock(&g_lock);
	return done;
}

bool stack_tree_path(uint32_t parent, struct frame *frame, uint32_t n)
{
	uint32_t paths = __atomic_load_n(&g_n_paths, __ATOMIC_ACQUIRE), done;

	for (uint32_t i = 0; i < n; i += done) {
		done = 1;
		frame[i].node = find(parent, frame[i].what);
		if (!frame[i].node) {
			done = not_found(parent, &frame[i], n - i, paths);
			if (unlikely(!done))
				return false;
		}
		parent = frame[i + done - 1].node;
	}
	return true;
}

uint32_t stack_tree_number(uint32_t node)
{
	uint32_t s = node ? __atomic_load_n(&node_at(node)->number, __ATOMIC_ACQUIRE) : 0;

	if (likely(s || !node))
		return s;
	sys_lock(&g_lock);
	s = node_at(node)->number;
	if (!s)
		s = new_number(node);
	sys_unlock(&g_lock);
	return s;
}

uint64_t stack_tree_bytes(void)
{
	return stack_node_count() * sizeof(struct stack_kept) + stack_count() * 4ul +
	       __atomic_load_n(&g_index_bytes, __ATOMIC_RELAXED);
}

void stack_tree_fork_child(void)
{
	sys_lock_reset(&g_lock);
}

bool stack_tree_is_busy(void)
{
	return sys_lock_is_held(&g_lock);
}

/* ---- for the snapshot child ---- */

uint32_t stack_count(void)
{
	return __atomic_load_n(&g_n_stacks, __ATOMIC_ACQUIRE);
}

uint32_t stack_leaf(uint32_t stack)
{
	return stack && stack <= stack_count() ? *leaf_at(stack) : 0;
}

uint32_t stack_node_count(void)
{
	return __atomic_load_n(&g_n_nodes, __ATOMIC_ACQUIRE);
}

bool stack_node(uint32_t node, struct stack_node *out)
{
	if (!node || node > stack_node_count())
		return false;
	stack_node_what(node_at(node)->what, out);
	out->parent = node_at(node)->parent;
	return true;
}

const struct stack_kept *stack_nodes(uint32_t node, uint32_t last, uint32_t *n)
{
	const uint32_t end = node | (NODES - 1);

	*n = (last < end ? last : end) - node + 1;
	return node_at(node);
}

void stack_describe(struct fmt_live *out)
{
	out->leaf = (struct fmt_table){(uintptr_t)g_leaves, NODES, sizeof(**g_leaves)};
	out->node = (struct fmt_table){(uintptr_t)g_nodes, NODES, sizeof(**g_nodes)};
	out->node_frame = offsetof(struct stack_kept, what);
	out->node_parent = offsetof(struct stack_kept, parent);
	out->node_frame_bits = STACK_FRAME_BITS;
	out->node_flags_shift = STACK_FLAGS_SHIFT;
	stack_frame_describe(&out->frame);
	out->frame_ip = offsetof(struct stack_frame, ip);
}
