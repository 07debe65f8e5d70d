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

static uint32_t hash_of(uint32_t parent, uint32_t key)
{
	return (uint32_t)table_hash(parent, key);
}

/* The slot with the edge, or the free one where it belongs. */
static struct edge_slot *find(const struct edges *e, uint32_t parent, uint32_t key)
{
	uint32_t near = parent * 2 & e->mask;

	for (uint32_t i = 0; i < NEAR; i++) {
		struct edge_slot *s = &e->slot[(near + i) & e->mask];
		if (!s->number || (s->parent == parent && s->key == key))
			return s;
	}
	for (uint32_t i = hash_of(parent, key) & e->mask;; i = (i + 1) & e->mask) {
		struct edge_slot *s = &e->slot[i];
		if (!s->number || (s->parent == parent && s->key == key))
			return s;
	}
}

static void resize(struct edges *e, uint32_t n_slots)
{
	struct edges bigger = {.mask = n_slots - 1, .n = e->n};

	bigger.slot = xcalloc(n_slots, sizeof(*bigger.slot));
	for (uint32_t i = 0; e->slot && i <= e->mask; i++)
		if (e->slot[i].number)
			*find(&bigger, e->slot[i].parent, e->slot[i].key) = e->slot[i];
	free(e->slot);
	*e = bigger;
}

/* Half full at most: runs of taken slots stay short. */
void edges_reserve(struct edges *e, uint32_t n)
{
	uint32_t n_slots = 64;

	while (n_slots / 2 < n && n_slots < UINT32_C(1) << 31)
		n_slots *= 2;
	if (!e->slot || n_slots > e->mask + 1)
		resize(e, n_slots);
}

uint32_t edges_child(struct edges *e, uint32_t parent, uint32_t key)
{
	if (!e->slot || e->n > e->mask / 2)
		edges_reserve(e, e->n + 1);
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
