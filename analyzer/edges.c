/*
 * edges.c - a hash table of edges that is kind to the cache: a million nodes are looked up twice
 * for each diff.
 *
 * Nodes come a path at a time, so the parent of one is most often the node before it. An edge
 * therefore lives near a place that its parent's number gives, and the next one beside it. Only
 * when the few places there are taken (a node with many children, or a file that is made to
 * collide) it goes where a hash says that is seeded anew in each process. Nothing is ever taken
 * out.
 */
#include "edges.h"

#include <stdlib.h>

enum { NEAR = 6 };

static uint32_t next(const struct edges *e, uint32_t at)
{
	return at + 1 < e->n_slots ? at + 1 : 0;
}

/* The slot with the edge, or the free one where it belongs. */
static struct edge_slot *find(const struct edges *e, uint32_t parent, uint32_t key)
{
	/* Numbers go up to what there is room for: spread over all slots they keep their order. */
	uint32_t at = (uint32_t)((uint64_t)parent * e->n_slots / (e->room + UINT64_C(1)));

	for (uint32_t i = 0; i < NEAR; i++, at = next(e, at)) {
		struct edge_slot *s = &e->slot[at];
		if (!s->number || (s->parent == parent && s->key == key))
			return s;
	}
	/* Never the next one: where low numbers are the parents of most, half the table is one run
	 * of taken slots. These numbers come by all slots in the end. */
	for (uint64_t h = table_hash(parent, key);;
	     h = h * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407)) {
		struct edge_slot *s = &e->slot[(h >> 32) * e->n_slots >> 32];
		if (!s->number || (s->parent == parent && s->key == key))
			return s;
	}
}

/* Three quarters full at most: a free slot is found in four looks, on average. */
void edges_reserve(struct edges *e, uint32_t n)
{
	struct edges bigger = {.n = e->n, .room = n < 64 ? 64 : n};

	if (n <= e->room)
		return;
	bigger.n_slots = bigger.room + bigger.room / 3 + NEAR;
	bigger.slot = xcalloc(bigger.n_slots, sizeof(*bigger.slot));
	for (uint32_t i = 0; i < e->n_slots; i++)
		if (e->slot[i].number)
			*find(&bigger, e->slot[i].parent, e->slot[i].key) = e->slot[i];
	free(e->slot);
	*e = bigger;
}

uint32_t edges_child(struct edges *e, uint32_t parent, uint32_t key)
{
	if (e->n == e->room)
		edges_reserve(e, e->n < UINT32_C(1) << 30 ? e->n + e->n / 2 + 1 : e->n + (1 << 28));
	struct edge_slot *s = find(e, parent, key);
	if (!s->number)
		*s = (struct edge_slot){parent, key, ++e->n};
	return s->number;
}

void edges_free(struct edges *e)
{
	free(e->slot);
	*e = (struct edges){0};
}
