/*
 * edges.h - the tree that the stacks of two snapshots are folded into: numbers for its nodes, by
 * parent and key: edges.c.
 */
#ifndef OUTLIVE_EDGES_H
#define OUTLIVE_EDGES_H

#include "util.h"

/* Zero is valid and empty. */
struct edges {
	struct edge_slot {
		uint32_t parent, key, number; /* number 0: free */
	} * slot;
	uint32_t n_slots, room, n; /* room: how many edges may be there */
};
/* Makes room for n edges in all. */
void edges_reserve(struct edges *e, uint32_t n);
/* The number, from 1 on, of the node to which `key` leads from node `parent`; a new one is given
 * to an edge that is not there yet. */
uint32_t edges_child(struct edges *e, uint32_t parent, uint32_t key);
void edges_free(struct edges *e);

#endif
