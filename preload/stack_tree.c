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
#include "stack_frame.h"
#include "stack_index.h"
#include "stack_node.h"

enum {
	NODES_LOG2 = STACK_NODES_LOG2,
	NODES = STACK_NODES,
	AHEAD = 4 /* nodes in a cache line */
};

struct stack_kept *g_stack_nodes[STACK_NODE_MAX / NODES];
static struct stack_kept g_root; /* only its children */
static uint32_t *g_leaves[STACK_MAX / NODES];
static uint32_t g_n_nodes, g_n_stacks;
static uint32_t g_n_paths; /* that were added: as many as before, and a look before it tells all */
static uintptr_t g_nodes_ready; /* up to here there are pages */
static struct sys_lock g_lock;

static uint32_t *leaf_at(uint32_t stack)
{
	return &g_leaves[stack >> NODES_LOG2][stack & (NODES - 1)];
}

/* ---- finding ---- */

static inline uint32_t child_tag(uint32_t what)
{
	return hash_what(what) & 0x7f000000;
}

static inline struct stack_kept *parent_at(uint32_t parent)
{
	return likely(parent) ? node_at(parent) : &g_root;
}

/* 0: not there, or not yet seen by this thread. */
static inline uint32_t find(const struct stack_kept *p, uint32_t parent, uint32_t what)
{
	const uint32_t first = __atomic_load_n(&p->first, __ATOMIC_ACQUIRE);
	const uint32_t n = (first & ~FURTHER) ^ child_tag(what);

	if (n - 1 < STACK_NODE_MAX - 1 && node_at(n)->what == what)
		return n;
	return first & FURTHER ? stack_index_find(parent, what) : 0;
}

/* ---- growing; under the lock ---- */

/* Pages for some nodes behind this one, too: each alone would cost as much as all. */
static __attribute__((noinline)) void populate(uint32_t last)
{
	const uintptr_t chunk = (uintptr_t)g_stack_nodes[last >> NODES_LOG2];
	const uintptr_t used = ((uintptr_t)last & -(uintptr_t)NODES) * sizeof(struct stack_kept);

	sys_populate_ahead(&g_nodes_ready, chunk - used, (uintptr_t)(node_at(last) + 1),
	                   chunk + NODES * sizeof(struct stack_kept));
}

/* Memory for n more nodes, to `last`? */
static __attribute__((noinline)) bool make_room(uint32_t n, uint32_t last)
{
	if (last >= STACK_NODE_MAX)
		return false;
	/* A path is shorter than a chunk. */
	for (uint32_t i = (last - n + 1) >> NODES_LOG2; i <= last >> NODES_LOG2; i++) {
		if (g_stack_nodes[i])
			continue;
		struct stack_kept *p = sys_map(NODES * sizeof(*p));

		if (!p)
			return false;
		__atomic_store_n(&g_stack_nodes[i], p, __ATOMIC_RELEASE);
		g_nodes_ready = (uintptr_t)p;
	}
	if ((uintptr_t)(node_at(last) + 1) > g_nodes_ready)
		populate(last);
	return true;
}

/* Where the next of n new nodes lies. NULL when there is no room for all of them. */
static inline struct stack_kept *have_room(uint32_t n)
{
	const uint32_t first = g_n_nodes + 1, last = g_n_nodes + n;
	struct stack_kept *to = first < STACK_NODE_MAX ? g_stack_nodes[first >> NODES_LOG2] : NULL;

	/* Nearly always the pages are there. */
	if (likely(to && !((first ^ last) >> NODES_LOG2)) &&
	    likely((uintptr_t)(to + last % NODES + 1) <= g_nodes_ready))
		return to + first % NODES;
	return make_room(n, last) ? node_at(first) : NULL;
}

static __attribute__((noinline)) bool have_leaf(uint32_t s)
{
	uint32_t *chunk = s < STACK_MAX ? sys_map(NODES * sizeof(*chunk)) : NULL;

	if (chunk)
		__atomic_store_n(&g_leaves[s >> NODES_LOG2], chunk, __ATOMIC_RELEASE);
	return chunk;
}

/* The number of the stack that ends at a node that has none. 0 when there is no room. */
static inline uint32_t new_number(uint32_t node)
{
	const uint32_t s = g_n_stacks + 1;

	if (unlikely(s >= STACK_MAX || !g_leaves[s >> NODES_LOG2]) && !have_leaf(s))
		return 0;
	*leaf_at(s) = node;
	__atomic_store_n(&g_n_stacks, s, __ATOMIC_RELEASE);
	__atomic_store_n(&node_at(node)->number, s, __ATOMIC_RELEASE);
	return s;
}

/* None of these frames has a node. All of them get one, each the first child of the one before it;
 * nobody sees them yet. False when there is no room. */
static bool make_nodes(uint32_t parent, const struct frame *frame, uint32_t n,
                       struct frame_kept *kept)
{
	const struct frame *f = frame + n;
	uint32_t at = g_n_nodes + 1;
	struct stack_kept *to = have_room(n);

	for (; to; to = likely(at % NODES) ? to + 1 : node_at(at)) {
		const uint32_t what = (--f)->what;

		if (unlikely(!(what & (STACK_FRAME_MAX - 1))))
			return false;
		to->what = what;
		to->parent = parent;
		to->number = 0;
		parent = kept++->node = at++;
		if (f == frame) {
			to->first = 0;
			__builtin_prefetch(to + AHEAD, 1); /* for the next path */
			__atomic_store_n(&g_n_nodes, parent, __ATOMIC_RELEASE);
			return true;
		}
		to->first = at | child_tag(f[-1].what);
	}
	return false;
}

/* Under a node that has no such child. A capture ends at the last one. */
static bool add_path(uint32_t parent, const struct frame *frame, uint32_t n,
                     struct frame_kept *kept, uint32_t *number)
{
	struct stack_kept *p = parent_at(parent);
	const uint32_t first = p->first;

	if ((first && !stack_index_ready(parent)) || !make_nodes(parent, frame, n, kept))
		return false;
	*number = new_number(kept[n - 1].node);
	if (likely(first))
		stack_index_add(kept->node);
	__atomic_store_n(&p->first,
	                 first ? first | FURTHER : kept->node | child_tag(frame[n - 1].what),
	                 __ATOMIC_RELEASE);
	__atomic_store_n(&g_n_paths, g_n_paths + 1, __ATOMIC_RELEASE);
	return true;
}

/* The outermost of these frames was not there when we looked, with so many paths. How many have got
 * their nodes; if all, *number may be told. */
static __attribute__((noinline)) uint32_t not_found(uint32_t parent, const struct frame *frame,
                                                    uint32_t n, struct frame_kept *kept,
                                                    uint32_t paths, uint32_t *number)
{
	sys_lock(&g_lock);
	kept->node = g_n_paths != paths ? find(parent_at(parent), parent, frame[n - 1].what) : 0;
	uint32_t done = kept->node ? 1 : add_path(parent, frame, n, kept, number) ? n : 0;

	sys_unlock(&g_lock);
	return done;
}

/* The number of the stack that ends at a node. 0 when there is no room. */
static COLD uint32_t number_of(uint32_t node)
{
	sys_lock(&g_lock);
	uint32_t s = node_at(node)->number;

	if (!s)
		s = new_number(node);
	sys_unlock(&g_lock);
	return s;
}

bool stack_tree_path(uint32_t parent, const struct frame *frame, uint32_t n,
                     struct frame_kept *kept, uint32_t *number)
{
	const uint32_t paths = __atomic_load_n(&g_n_paths, __ATOMIC_ACQUIRE);
	const struct stack_kept *p = parent_at(parent);
	const struct frame *f = frame + n;

	*number = 0;
	while (f != frame) {
		uint32_t done = 1;

		kept->node = find(p, parent, f[-1].what);
		if (unlikely(!kept->node)) {
			done = not_found(parent, frame, (uint32_t)(f - frame), kept, paths, number);
			if (likely(*number))
				return true;
			if (!done)
				return false;
		}
		f -= done;
		kept += done;
		parent = kept[-1].node;
		p = node_at(parent);
	}
	*number = __atomic_load_n(&p->number, __ATOMIC_ACQUIRE);
	if (unlikely(!*number && parent))
		*number = number_of(parent);
	return true;
}

uint64_t stack_tree_bytes(void)
{
	return stack_node_count() * sizeof(struct stack_kept) + stack_count() * 4ul +
	       stack_index_bytes();
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
	out->node = (struct fmt_table){(uintptr_t)g_stack_nodes, NODES, sizeof(**g_stack_nodes)};
	out->node_frame = offsetof(struct stack_kept, what);
	out->node_parent = offsetof(struct stack_kept, parent);
	out->node_frame_bits = STACK_FRAME_BITS;
	out->node_flags_shift = STACK_FLAGS_SHIFT;
	stack_frame_describe(&out->frame);
	out->frame_ip = offsetof(struct stack_frame, ip);
}
