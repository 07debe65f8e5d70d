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

#include "format.h"
#include <sys/mman.h>

#include "stack_frame.h"

enum {
	NODES_LOG2 = 14, /* of a chunk */
	NODES = 1 << NODES_LOG2,
	SHARDS_LOG2 = 7,
	SHARDS = 1 << SHARDS_LOG2,
	SHARD_FIRST = 16,
	LINE = 16,      /* slots in a cache line */
	NEAR = 64,      /* slots in which siblings lie together */
	GROW_AHEAD = 16 /* nodes that are fetched ahead while a shard is copied */
};

struct node {
	uint32_t what, parent;
	uint32_t number; /* of the stack that ends here, 0 none yet */
	uint32_t first;  /* child, under 7 bits of a hash of what it is, and FURTHER; 0 none */
};
#define FURTHER (1u << 31) /* there are others, in the index */
struct shard {
	uint32_t mask, used;
	/* 8 bits of a hash of what it is over a node's number; 0 free */
	uint32_t slot[] __attribute__((aligned(64)));
};

static struct node *g_nodes[STACK_NODE_MAX / NODES];
static struct node g_root; /* only its children */
static uint32_t *g_leaves[STACK_MAX / NODES];
static struct shard *g_shard[SHARDS]; /* made when needed: few stacks touch few pages */
static uint32_t g_n_nodes, g_n_stacks;
static uint64_t g_index_bytes;
static char *g_spare, *g_spare_end; /* small shards are cut from this */
static struct sys_lock g_lock;

static struct node *node_at(uint32_t n)
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

/*
 * Where a child is looked for: from `near` on NEAR slots, and if all are taken from `far` on until
 * one is free. Its siblings are near: who was under a parent a moment ago comes there again.
 */
struct place {
	uint32_t near, far;
};
static inline struct place place_of(uint32_t parent, uint32_t what)
{
	return (struct place){(mix(parent) & ~(LINE - 1u)) | (hash_what(what) >> 20 & (LINE - 1)),
	                      mix((uint64_t)parent << 32 | what)};
}

static uint32_t find_further(uint32_t parent, uint32_t what)
{
	const struct shard *s = __atomic_load_n(&g_shard[shard_of(parent)], __ATOMIC_ACQUIRE);
	struct place at = place_of(parent, what);
	uint32_t tag = slot_tag(what);

	if (unlikely(!s))
		return 0;
	for (uint32_t i = at.near, k = 0;; i++, k++) {
		if (unlikely(k == NEAR))
			i = at.far;
		uint32_t slot = __atomic_load_n(&s->slot[i & s->mask], __ATOMIC_ACQUIRE);
		uint32_t n = slot ^ tag;

		if (!slot)
			return 0;
		if (n < STACK_NODE_MAX && likely(node_at(n)->parent == parent) &&
		    likely(node_at(n)->what == what))
			return n;
	}
}

/* 0: not there, or not yet seen by this thread. */
static inline uint32_t find(uint32_t parent, uint32_t what)
{
	const struct node *p = parent ? node_at(parent) : &g_root;
	uint32_t first = __atomic_load_n(&p->first, __ATOMIC_ACQUIRE);
	uint32_t n = (first & ~FURTHER) ^ child_tag(what);

	if (first && n < STACK_NODE_MAX && node_at(n)->what == what)
		return n;
	return first & FURTHER ? find_further(parent, what) : 0;
}

void stack_tree_prefetch(uint32_t parent, uint32_t what)
{
	const struct shard *s = __atomic_load_n(&g_shard[shard_of(parent)], __ATOMIC_ACQUIRE);

	__builtin_prefetch(node_at(parent));
	if (likely(s))
		__builtin_prefetch(&s->slot[place_of(parent, what).near & s->mask]);
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

static struct shard *shard_new(uint32_t slots)
{
	size_t bytes = sizeof(struct shard) + slots * sizeof(uint32_t);
	struct shard *s = map_part(bytes);

	if (s) {
		s->mask = slots - 1;
		__atomic_add_fetch(&g_index_bytes, bytes, __ATOMIC_RELAXED);
	}
	return s;
}

static void put(struct shard *s, uint32_t n)
{
	struct place at = place_of(node_at(n)->parent, node_at(n)->what);
	uint32_t i = at.near, k = 0;

	for (; s->slot[i & s->mask]; i++)
		if (++k == NEAR)
			i = at.far - 1;
	__atomic_store_n(&s->slot[i & s->mask], n | slot_tag(node_at(n)->what), __ATOMIC_RELEASE);
	s->used++;
}

/*
 * A reader may be in it, and finds nothing from now on: it will look again under the lock. Its
 * whole pages are given back, but for that with the mask.
 */
static void shard_empty(struct shard *s)
{
	uintptr_t lo = ((uintptr_t)s->slot + MEM_PAGE - 1) & ~(uintptr_t)(MEM_PAGE - 1);
	uintptr_t hi = (uintptr_t)&s->slot[s->mask + 1] & ~(uintptr_t)(MEM_PAGE - 1);

	if (lo < hi && !sys_call(SYS_madvise, lo, hi - lo, MADV_DONTNEED))
		__atomic_sub_fetch(&g_index_bytes, hi - lo, __ATOMIC_RELAXED);
}

static struct shard *shard_grow(struct shard *old, unsigned which)
{
	struct shard *s = shard_new(old ? (old->mask + 1) * 2 : SHARD_FIRST);

	if (!s)
		return old;
	for (uint32_t i = 0; old && i <= old->mask; i++) {
		uint32_t ahead = old->slot[(i + GROW_AHEAD) & old->mask] % STACK_NODE_MAX;
		uint32_t n = old->slot[i] % STACK_NODE_MAX;

		if (ahead)
			__builtin_prefetch(node_at(ahead));
		if (n)
			put(s, n);
	}
	__atomic_store_n(&g_shard[which], s, __ATOMIC_RELEASE);
	if (old)
		shard_empty(old);
	return s;
}

/* A shard with room for one more, or NULL. */
static struct shard *shard_to_fill(unsigned which)
{
	struct shard *s = g_shard[which];

	if (!s || s->used > s->mask / 2)
		s = shard_grow(s, which);
	return s && s->used < s->mask ? s : NULL;
}

/* A node that does not exist; 0 when there is no room. */
static uint32_t add_node(uint32_t parent, uint32_t what)
{
	struct node *p = parent ? node_at(parent) : &g_root;
	uint32_t n = g_n_nodes + 1;
	struct shard *index = p->first ? shard_to_fill(shard_of(parent)) : NULL;

	if (n >= STACK_NODE_MAX || !(what & (STACK_FRAME_MAX - 1)) || (p->first && !index))
		return 0;
	if (!g_nodes[n >> NODES_LOG2]) {
		struct node *chunk = sys_map(NODES * sizeof(*chunk));

		if (!chunk)
			return 0;
		__atomic_store_n(&g_nodes[n >> NODES_LOG2], chunk, __ATOMIC_RELEASE);
	}
	*node_at(n) = (struct node){.what = what, .parent = parent};
	__atomic_store_n(&g_n_nodes, n, __ATOMIC_RELEASE);
	if (index)
		put(index, n);
	__atomic_store_n(&p->first, index ? p->first | FURTHER : n | child_tag(what),
	                 __ATOMIC_RELEASE);
	return n;
}

/* The first of these frames was not there when we looked. How many have got their nodes. */
static __attribute__((noinline)) uint32_t add_path(uint32_t parent, struct frame *frame, uint32_t n)
{
	uint32_t i = 0;

	sys_lock(&g_lock);
	frame[0].node = find(parent, frame[0].what);
	if (frame[0].node) {
		sys_unlock(&g_lock);
		return 1;
	}
	for (; i < n; i++) {
		frame[i].node = add_node(parent, frame[i].what);
		parent = frame[i].node;
		if (!parent)
			break;
	}
	sys_unlock(&g_lock);
	return i;
}

bool stack_tree_path(uint32_t parent, struct frame *frame, uint32_t n)
{
	uint32_t done;

	for (uint32_t i = 0; i < n; i += done) {
		done = 1;
		frame[i].node = find(parent, frame[i].what);
		if (!frame[i].node) {
			done = add_path(parent, &frame[i], n - i);
			if (unlikely(!done))
				return false;
		}
		parent = frame[i + done - 1].node;
	}
	return true;
}

static COLD uint32_t new_number(uint32_t node)
{
	uint32_t s = node_at(node)->number;

	if (s)
		return s;
	s = g_n_stacks + 1;
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

uint32_t stack_tree_number(uint32_t node)
{
	uint32_t s = node ? __atomic_load_n(&node_at(node)->number, __ATOMIC_ACQUIRE) : 0;

	if (likely(s || !node))
		return s;
	sys_lock(&g_lock);
	s = new_number(node);
	sys_unlock(&g_lock);
	return s;
}

uint64_t stack_tree_bytes(void)
{
	return stack_node_count() * sizeof(struct node) + stack_count() * 4ul +
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
	const struct node *n = node_at(node);
	const struct stack_frame *frame = stack_frame_at(n->what & (STACK_FRAME_MAX - 1));

	out->ip = frame->ip;
	out->parent = n->parent;
	out->module = (uint16_t)frame->module;
	out->flags = (uint16_t)(n->what >> STACK_FLAGS_SHIFT);
	return true;
}

void stack_describe(struct fmt_live *out)
{
	out->leaf = (struct fmt_table){(uintptr_t)g_leaves, NODES, sizeof(**g_leaves)};
	out->node = (struct fmt_table){(uintptr_t)g_nodes, NODES, sizeof(**g_nodes)};
	out->node_frame = offsetof(struct node, what);
	out->node_parent = offsetof(struct node, parent);
	out->node_frame_bits = STACK_FRAME_BITS;
	out->node_flags_shift = STACK_FLAGS_SHIFT;
	stack_frame_describe(&out->frame);
	out->frame_ip = offsetof(struct stack_frame, ip);
}
