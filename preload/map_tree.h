/*
 * map_tree.h - ranges of addresses, none of which overlap, each of some mapping. No lock: the
 * caller's. IN_TRACKER is set.
 */
#ifndef OUTLIVE_MAP_TREE_H
#define OUTLIVE_MAP_TREE_H

#include <stdbool.h>
#include <stdint.h>

struct map_piece {
	uintptr_t start, end; /* [start, end) */
	uint32_t mapping;     /* the caller's number, not 0 */
};

/* Where nothing is. False: no memory. */
bool map_tree_put(const struct map_piece *piece);
/*
 * Takes out what lies in [start, end): each part by taken(). What of a range lies outside stays;
 * `left` is how many pieces of it do: 0, 1 or 2; or -1 where there was no memory for the second,
 * which is lost. Cost: the logarithm of all, and what is taken.
 */
void map_tree_take(uintptr_t start, uintptr_t end,
                   void (*taken)(const struct map_piece *part, int left, void *arg), void *arg);
/* Each piece, in no order. */
void map_tree_each(void (*fn)(const struct map_piece *piece, void *arg), void *arg);
/* In fork's child: another thread may have been in the middle of a change. */
void map_tree_rebuild(void);
uint64_t map_tree_bytes(void);

#endif
