/*
 * reach.h - which live blocks can the program still find? Marks all that can be reached from its
 * registers, stacks and data, and tells the rest: lost for certain, lost because a lost block holds
 * them, possibly lost (only pointers into the middle).
 *
 *     reach.c        when, and when not; the results
 *     reach_index.c  the blocks, by address
 *     reach_maps.c   what lies where
 *     reach_roots.c  where to begin
 *     reach_mark.c   the three passes; reach_guess.c: C++'s pointers into the middle
 *
 * A moment has to be held for it. A process that ends stops its other threads, and a child that
 * shares its memory marks before anything is torn down: handlers and destructors free roots. The
 * last snapshot, which is written after them, shows what was found for the blocks that are left. A
 * process that goes on is stopped for as long as a copy of it takes (snapshot.c), and the copy
 * marks itself and writes its own snapshot.
 *
 * What cannot be known for certain is not told: there is no verdict then, and a sentence why.
 */
#ifndef OUTLIVE_REACH_H
#define OUTLIVE_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "track.h"

/* What only hooks and init.c know. */
struct reach_env {
	bool (*is_allocator)(uintptr_t address); /* a module other than libc that serves malloc */
	const void *boot;                        /* early blocks, which lie in our own data */
	size_t boot_bytes;
	uint64_t tls_bytes;    /* static TLS below a thread's control block */
	uintptr_t self_offset; /* from there to t_self */
	uint32_t pid;
};
extern struct reach_env g_reach_env __attribute__((visibility("hidden")));

/* At start, in the constructor. */
void reach_init(const struct reach_env *env);
void reach_fork_child(void);
/* Is the program to be marked when it ends? */
extern bool g_reach_at_exit __attribute__((visibility("hidden")));

/*
 * The process is about to end: marks, once; does nothing unless g_reach_at_exit. frame: the
 * program's own stack begins there, callee-saved registers are in the REACH_SAVED bytes below it;
 * NULL where it begins is not known, or where a signal handler asks.
 */
enum { REACH_SAVED = 40 };
void reach_exit(const void *frame);
/* The process did not end. */
void reach_exit_undo(void);

/* The same for a process that goes on: all other threads stand still while the child marks. True:
 * the results stand until reach_exit_undo(), which is due in either case. */
bool reach_look(const void *frame);

/* ---- a copy of the process that goes on, for snapshot.c; its turn is taken, signals blocked ----
 */

/* All other threads stand still, if it is true. Then the copy is to be made, and reach_copied()
 * called with the clone's result; false: there is no verdict. frame: as for reach_exit(). */
bool reach_copy(const void *frame);
void reach_copied(long child);
/* In the copy. */
void reach_mark_copy(void);
/* What was found, or refused, for a request is not of the next snapshot. */
void reach_forget_request(void);

/* ---- for the writer of a snapshot ---- */

enum reach_state { REACH_NOT_ASKED, REACH_MARKED, REACH_REFUSED };
struct reach_report {
	enum reach_state state;
	bool live;     /* asked for by a request: it is of that one snapshot */
	char why[200]; /* refused: a sentence without a full stop */
	const char *way;
	uint32_t threads;
	uint64_t frozen_ns, clone_ns, index_ns, mark_ns;
	uint64_t blocks, absent, words, memory;
};
extern struct reach_report g_reach_report __attribute__((visibility("hidden")));
/* True when a block is lost that lives still, and when a scan was to tell but could not. */
bool reach_any_lost(void);
/* FMT_REACH_* of a block, 0 unknown. *owner: the site of the lost block that holds an indirectly
 * lost one, else 0. */
unsigned reach_class(uintptr_t address, const struct block *b, uint32_t *owner);

#endif
