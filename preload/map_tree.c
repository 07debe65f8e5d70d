/*
 * map_tree.c - see map_tree.h: a treap, ordered by address, in chunks that are never given back.
 * Programs map in order, downwards mostly: in a sorted array each new range would move all others.
 * Context: any thread, under the lock of track_map.c.
 */
#include "map_tree.h"

#include "sys.h"

enum { CHUNK = 4096, CHUNKS = 1024 };

struct node {
	struct map_piece piece; /* mapping 0: not in use */
	uint32_t left, right, weight;
};

static struct node *g_chunk[CHUNKS];
static uint32_t g_root, g_free, g_count; /* nodes are 1..count */
static uint32_t g_random = 0x9E3779B9;

static inline struct node *at(uint32_t i)
{
	return &g_chunk[i / CHUNK][i % CHUNK];
}

static uint32_t new_node(const struct map_piece *piece)
{
	uint32_t i = g_free;

	if (i) {
		g_free = at(i)->left;
	} else {
		i = g_count + 1;
		if (i / CHUNK >= CHUNKS)
			return 0;
		if (!g_chunk[i / CHUNK] &&
		    !(g_chunk[i / CHUNK] = sys_map(CHUNK * sizeof(struct node))))
			return 0;
		g_count = i;
	}
	g_random ^= g_random << 13;
	g_random ^= g_random >> 17;
	g_random ^= g_random << 5;
	*at(i) = (struct node){.piece = *piece, .weight = g_random};
	return i;
}

static void free_node(uint32_t i)
{
	*at(i) = (struct node){.left = g_free};
	g_free = i;
}

/* Those that start below `key`, and the rest. */
static void split(uint32_t t, uintptr_t key, uint32_t *low, uint32_t *high)
{
	while (t) {
		struct node *n = at(t);

		if (n->piece.start < key) {
			*low = t;
			low = &n->right;
			t = n->right;
		} else {
			*high = t;
			high = &n->left;
			t = n->left;
		}
	}
	*low = *high = 0;
}

static uint32_t merge(uint32_t low, uint32_t high)
{
	uint32_t root = 0, *to = &root;

	while (low && high) {
		if (at(low)->weight > at(high)->weight) {
			*to = low;
			to = &at(low)->right;
			low = *to;
		} else {
			*to = high;
			to = &at(high)->left;
			high = *to;
		}
	}
	*to = low ? low : high;
	return root;
}

static void insert(uint32_t i)
{
	uint32_t low, high;

	split(g_root, at(i)->piece.start, &low, &high);
	g_root = merge(merge(low, i), high);
}

bool map_tree_put(const struct map_piece *piece)
{
	uint32_t i = new_node(piece);

	if (!i)
		return false;
	insert(i);
	return true;
}

static uint32_t last(uint32_t t)
{
	while (t && at(t)->right)
		t = at(t)->right;
	return t;
}

typedef void taker(const struct map_piece *part, int left, void *arg);

/* The last range that starts below `start` may reach into [start, end), or beyond. Returns the
 * node of what lies beyond, 0 for none. */
static uint32_t cut_low(uint32_t low, uintptr_t start, uintptr_t end, taker *taken, void *arg)
{
	uint32_t i = last(low), beyond = 0;

	if (!i || at(i)->piece.end <= start)
		return 0;
	struct map_piece part = at(i)->piece, rest = part;
	int left = 1;

	at(i)->piece.end = part.start = start;
	if (rest.end > end) {
		rest.start = part.end = end;
		beyond = new_node(&rest);
		left = beyond ? 2 : -1;
	}
	taken(&part, left, arg);
	return beyond;
}

/* The one of a tree that is taken whole; the last of them may reach beyond `end`. */
static uint32_t cut_all(uint32_t t, uintptr_t end, taker *taken, void *arg)
{
	uint32_t beyond = 0;

	/* In any order: turned into a list on the way, for there is no stack to spare. */
	while (t) {
		struct node *n = at(t);

		if (n->left) {
			uint32_t l = n->left;

			n->left = at(l)->right;
			at(l)->right = t;
			t = l;
			continue;
		}
		uint32_t next = n->right;
		struct map_piece part = n->piece;

		if (part.end > end) {
			n->piece.start = part.end = end;
			n->right = 0;
			beyond = t;
		} else {
			free_node(t);
		}
		taken(&part, beyond == t, arg);
		t = next;
	}
	return beyond;
}

void map_tree_take(uintptr_t start, uintptr_t end, taker *taken, void *arg)
{
	uint32_t low, middle, high;

	split(g_root, start, &low, &middle);
	split(middle, end, &middle, &high);
	uint32_t beyond = cut_low(low, start, end, taken, arg);
	uint32_t rest = cut_all(middle, end, taken, arg);

	g_root = merge(merge(low, beyond ? beyond : rest), high);
}

void map_tree_each(void (*fn)(const struct map_piece *piece, void *arg), void *arg)
{
	for (uint32_t i = 1; i <= g_count; i++)
		if (at(i)->piece.mapping && at(i)->piece.start < at(i)->piece.end)
			fn(&at(i)->piece, arg);
}

void map_tree_rebuild(void)
{
	g_root = g_free = 0;
	for (uint32_t i = 1; i <= g_count; i++) {
		struct node *n = at(i);

		n->left = n->right = 0;
		if (n->piece.mapping && n->piece.start < n->piece.end)
			insert(i);
		else
			free_node(i);
	}
}

uint64_t map_tree_bytes(void)
{
	return (uint64_t)g_count * sizeof(struct node);
}
