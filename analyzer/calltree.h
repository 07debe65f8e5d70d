/*
 * calltree.h - stacks merged into one tree, from the outermost frame inwards, with inlined
 * functions as frames of their own: what graphs are drawn from. calltree.c.
 */
#ifndef OUTLIVE_CALLTREE_H
#define OUTLIVE_CALLTREE_H

#include "edges.h"
#include "ids.h"
#include "profile.h"

/* All interned. */
struct call_frame {
	const char *function; /* never NULL: "libfoo.so+0x12" where no name is known */
	const char *file;     /* NULL: unknown */
	const char *module;   /* path, "" unknown */
	uint32_t number;      /* line, 0 unknown */
	bool nameless;
};
/* A parent's number is below its child's. */
struct call_node {
	uint32_t parent, frame;
};
struct calltree {
	bool raw;   /* whole stacks; else they end at their site */
	bool lines; /* two lines of one function are two frames */
	struct call_frame *frame;
	uint32_t n_frames;
	struct call_node *node;
	uint32_t n_nodes; /* [0] is the root, of no frame */
	/* Inside. */
	uint32_t cap_frames, cap_nodes;
	struct ids by_frame;
	struct edges edges;
	struct call_side {
		const struct snapshot *s;
		uint32_t *of; /* by node of s: the node here plus 1, 0 unknown */
	} side[2];
	uint32_t *path, cap_path;
};

/* calltree_free() it. */
void calltree_start(struct calltree *t, bool raw, bool lines);
/*
 * The node at which the stack of a row ends. Rows are of two snapshots at most, written out
 * (profile_row(), kinds_row()).
 */
uint32_t calltree_add(struct calltree *t, const struct row *r);
void calltree_free(struct calltree *t);

/* The children of all nodes as lists, which 0 ends. */
struct call_children {
	uint32_t *first, *next; /* by node */
};
/* call_children_free() it. */
void calltree_children(const struct calltree *t, struct call_children *c);
void call_children_free(struct call_children *c);
/* By node its place when the tree is walked from the root inwards, each child with all that is
 * below it: free() it. */
uint32_t *calltree_order(const struct calltree *t);

#endif
