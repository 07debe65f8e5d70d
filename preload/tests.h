/*
 * tests.h - which test runs, as the program has told us (outlive.h), and what of the heap has grown
 * in it. A span is the time from a beginning to its end; at the end each stack of which more
 * lives than at the beginning is noted for the span, until what grew is given back; so is each
 * descriptor, whose time of birth is known to some ms only. Threads and timers need no note: their
 * birth lies within a span or not.
 *
 * One span at a time, whichever thread begins it. Cost of a beginning or an end: 20 ns for each
 * call stack that has allocated.
 */
#ifndef OUTLIVE_TESTS_H
#define OUTLIVE_TESTS_H

#include <stdbool.h>
#include <stdint.h>

enum { TESTS_MAX = 1 << 16, TESTS_GROWN_MAX = 1 << 19, TESTS_NAMES = 1 << 23, TESTS_FDS = 1 << 16 };

/* Ends what is open and begins a span; name "": a checkpoint, NULL: no name but the open one's.
 * Any thread, no signal handler; nothing happens within the tracker. False: there is no room. */
bool tests_begin(const char *name);
/* Nothing where none is open. */
void tests_end(void);
void tests_fork_child(void);

/* ---- for verify.c and for the snapshot child: lock-free, no TLS ---- */

struct tests_span {
	uint64_t begin_ns, end_ns; /* sys_now_ns(); end 0: it is open */
	uint32_t name;
	uint32_t generation; /* of descriptors, at the beginning */
	/* Of the heap: blocks made, how much more than at the beginning was in use at its highest,
	 * as often as anybody has looked (tests_see_live()), and of what was made what lived at the
	 * end, by stack. While it is open: the first as it was at the beginning, the last are 0. */
	uint64_t allocs, peak, left_blocks, left_bytes;
	int64_t live; /* bytes in use at the beginning */
};
uint32_t tests_count(void);
/* The first span that is this process's own: those before it are its parent's. */
uint32_t tests_first(void);
bool tests_get(uint32_t span, struct tests_span *out); /* 0..count-1 */
const char *tests_name(const struct tests_span *s);
/* The open span; false where there is none. */
bool tests_open(uint32_t *span);

/* Blocks and bytes that were made at a stack, less those that were freed. Wraps. */
struct tests_sum {
	uint64_t blocks, bytes;
};
/* Fills in by_stack[0..n-1], which is zeroed, with what is live; and takes away what lived at the
 * beginning of the open span, so that growth is left. */
void tests_live(struct tests_sum *by_stack, uint32_t n);
void tests_less_base(struct tests_sum *by_stack, uint32_t n);

/* Blocks that all stacks have made; bytes in use. */
uint64_t tests_allocs(void);
/* From the watch over the live heap (watch.c). */
void tests_see_live(int64_t live);

/* What grew in spans that have ended, and is there still; by span, ascending. */
struct tests_grown {
	uint32_t stack, span;
	uint64_t blocks, bytes;
	uint32_t before; /* the entry of this stack before it, plus 1: tests.c's */
};
uint32_t tests_grown_count(void);
void tests_grown_get(uint32_t i, struct tests_grown *out);

/* True when the open descriptor was made in the span. */
struct fd_view;
bool tests_made_fd(uint32_t span, uint32_t fd, const struct fd_view *v);

#endif
