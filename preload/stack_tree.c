/*
 * stack_tree.c - the tree of stacks: see stack_tree.h. Owns nodes, numbers and the index of edges,
 * in own mappings that grow by chunks and are never moved, but for the index: it is in shards that
 * double one at a time, so that no call waits for more than a small part of it. An outgrown shard
 * stays mapped for readers. An item is complete before the count that covers it is raised: the
 * snapshot child reads without a lock. Context: any thread, a signal handler too, IN_TRACKER set.
 */
#include "stack_tree.h"

enum {
	NODES_LOG2 = 14, /* of a chunk */
	NODES = 1 << NODES_LOG2,
	SHARDS_LOG2 = 7,
	SHARDS = 1 << SHARDS_LOG2,
	SHARD_FIRST = 16
};

struct node {
	struct stack_node frame;
	uint32_t number; /* of the stack that ends here, 0 none yet */
	uint32_t hash;
	uint32_t child[2]; /* met last: mostly the next one too, and mostly the neighbour in memory
	                    */
};
struct shard {
	uint32_t mask, used;
	uint32_t slot[]; /* 8 bits of the hash over a node's number; 0 free */
};

static struct node *g_nodes[STACK_NODE_MAX / NODES];
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

static inline bool is_node(const struct stack_node *n, uint32_t parent, uintptr_t ip, uint32_t meta)
{
	return n->ip == ip && n->parent == parent && n->module == (uint16_t)meta &&
	       n->flags == meta >> 16;
}

/* Without the bits of the hash in the slot, a frame that is new would be compared with several old
 * ones, and each of them is a cache miss. */
static inline uint32_t slot_tag(uint32_t hash)
{
	return hash << SHARDS_LOG2 & 0xff000000;
}

static inline uint32_t find(const struct shard *s, uint32_t hash, uint32_t parent, uintptr_t ip,
                            uint32_t meta)
{
	if (unlikely(!s))
		return 0;
	for (uint32_t i = hash & s->mask;; i = (i + 1) & s->mask) {
		uint32_t slot = __atomic_load_n(&s->slot[i], __ATOMIC_ACQUIRE);
		uint32_t n = slot ^ slot_tag(hash);

		if (!slot)
			return 0;
		if (n < STACK_NODE_MAX && likely(is_node(&node_at(n)->frame, parent, ip, meta)))
			return n;
	}
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

static void put(struct shard *s, uint32_t hash, uint32_t n)
{
	uint32_t i = hash & s->mask;

	while (s->slot[i])
		i = (i + 1) & s->mask;
	__atomic_store_n(&s->slot[i], n | slot_tag(hash), __ATOMIC_RELEASE);
	s->used++;
}

static struct shard *shard_grow(struct shard *old, unsigned which)
{
	struct shard *s = shard_new(old ? (old->mask + 1) * 2 : SHARD_FIRST);

	if (!s)
		return old;
	for (uint32_t i = 0; old && i <= old->mask; i++) {
		if (!old->slot[i])
			continue;
		uint32_t n = old->slot[i] % STACK_NODE_MAX;

		put(s, node_at(n)->hash, n);
	}
	__atomic_store_n(&g_shard[which], s, __ATOMIC_RELEASE);
	return s;
}

static uint32_t add_node(unsigned which, uint32_t hash, const struct stack_node *node)
{
	uint32_t n = g_n_nodes + 1;
	struct shard *s = g_shard[which];

	if (n >= STACK_NODE_MAX)
		return 0;
	if (!s || s->used > s->mask / 3 * 2) {
		s = shard_grow(s, which);
		if (!s || s->used >= s->mask)
			return 0;
	}
	if (!g_nodes[n >> NODES_LOG2]) {
		struct node *chunk = sys_map(NODES * sizeof(*chunk));

		if (!chunk)
			return 0;
		__atomic_store_n(&g_nodes[n >> NODES_LOG2], chunk, __ATOMIC_RELEASE);
	}
	node_at(n)->frame = *node;
	node_at(n)->hash = hash;
	__atomic_store_n(&g_n_nodes, n, __ATOMIC_RELEASE);
	put(s, hash, n);
	return n;
}

static inline unsigned shard_of(uint32_t hash)
{
	return hash >> (32 - SHARDS_LOG2);
}

void stack_tree_prefetch(uint32_t hash)
{
	const struct shard *s = __atomic_load_n(&g_shard[shard_of(hash)], __ATOMIC_ACQUIRE);

	if (likely(s))
		__builtin_prefetch(&s->slot[hash & s->mask]);
}

static __attribute__((noinline)) uint32_t child_by_index(uint32_t parent, uint32_t hash,
                                                         uintptr_t ip, uint32_t meta)
{
	unsigned which = shard_of(hash);
	uint32_t n =
	        find(__atomic_load_n(&g_shard[which], __ATOMIC_ACQUIRE), hash, parent, ip, meta);

	if (likely(n))
		return n;
	struct stack_node node = {ip, parent, (uint16_t)meta, (uint16_t)(meta >> 16)};

	sys_lock(&g_lock);
	n = find(g_shard[which], hash, parent, ip, meta);
	if (!n)
		n = add_node(which, hash, &node);
	sys_unlock(&g_lock);
	return n;
}

uint32_t stack_tree_child(uint32_t parent, uint32_t hash, uintptr_t ip, uint32_t meta)
{
	static struct node root; /* only its children */
	uint32_t *child = parent ? node_at(parent)->child : root.child;

	for (int i = 0; i < 2; i++) {
		uint32_t n = __atomic_load_n(&child[i], __ATOMIC_ACQUIRE);

		if (n && is_node(&node_at(n)->frame, parent, ip, meta))
			return n;
	}
	uint32_t n = child_by_index(parent, hash, ip, meta);

	__atomic_store_n(&child[1], child[0], __ATOMIC_RELEASE);
	__atomic_store_n(&child[0], n, __ATOMIC_RELEASE);
	return n;
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
	*out = node_at(node)->frame;
	return true;
}
