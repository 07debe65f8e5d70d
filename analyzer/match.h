/*
 * match.h - numbers for stacks by their meaning, equal in two snapshots where the stacks are equal:
 * match.c.
 */
#ifndef OUTLIVE_MATCH_H
#define OUTLIVE_MATCH_H

#include "profile.h"

/* Of one snapshot. */
struct match {
	const uint8_t *need; /* by node, given: those alone are numbered, and their callers must be
	                        among them; NULL: all */
	uint32_t *meaning;   /* by node: equal numbers are equal stacks, in both snapshots; 0 is the
	                        empty stack */
	uint8_t *unmatched;  /* by node: a frame of the stack has no name, in a module that the two
	                        do not share */
};

/*
 * Numbers the nodes of b, and of a unless it is NULL. Frames are equal when they have the same
 * address in modules of equal build id (or, in one run, of equal path); in other modules when
 * function names are equal, and inlining does not matter then. match_free() each.
 */
void match_nodes(const struct snapshot *a, const struct snapshot *b, struct match *ma,
                 struct match *mb);
/* The same, but *ma and *mb are by stack. */
void match_stacks(const struct snapshot *a, const struct snapshot *b, struct match *ma,
                  struct match *mb);
void match_free(struct match *m);

/* 1 for the nodes of stacks in which a thread, a timer or a descriptor was made, or a thread waits:
 * the heap has a thousand times as many, and they need no number there. To be freed. */
uint8_t *match_need_objects(const struct snapshot *s);

#endif
