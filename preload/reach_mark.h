/*
 * reach_mark.h - marks the blocks of reach_index.h from the roots of reach_roots.h, and tells which
 * are lost. For the files of the reachability scan alone; context as in reach_index.h.
 */
#ifndef OUTLIVE_REACH_MARK_H
#define OUTLIVE_REACH_MARK_H

#include <stdbool.h>
#include <stdint.h>

struct reach_marks {
	/* Of a lost block that another lost one holds: which. Chains end at a leader. */
	uint32_t *holder;
	uint64_t words;  /* looked at */
	uint64_t absent; /* live blocks of which a part is not mapped here */
	uint64_t memory;
};
extern struct reach_marks g_reach_marks __attribute__((visibility("hidden")));

/*
 * All passes: roots() is called once, and calls the functions below. 0, -ENOMEM, or -ETIME when
 * deadline_ns (sys_now_ns()) came first.
 */
int reach_mark_all(void (*roots)(void), uint64_t deadline_ns);
void reach_mark_free(void);

/*
 * After all passes: between begin and end, roots mark blocks as alive, by any pointer, and
 * reach_mark_alive() what these hold. begin: 0 or -ENOMEM; alive: 0 or -ETIME. End in any case.
 */
int reach_mark_alive_begin(void);
int reach_mark_alive(void);
void reach_mark_alive_end(void);

/* ---- for roots ---- */

/* A word that may be a pointer. */
void reach_mark_word(uintptr_t w);
/* The words of [low, high), as far as they can be read. */
void reach_mark_range(uintptr_t low, uintptr_t high);
/* The same, of memory that is outlive's own: copies of what the program has. */
void reach_mark_own(uintptr_t low, uintptr_t high);
/* The same without what lies in live blocks; starts_only: pointers into the middle do not count. */
void reach_mark_static(uintptr_t low, uintptr_t high, bool starts_only);
/* A block that is held by something which is not looked at. */
void reach_mark_block(uint32_t i);

#endif
