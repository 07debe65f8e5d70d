/*
 * reach_stuck.h - threads that will never go on: they wait, without a timeout, for what no thread
 * that may go on can reach; or for the end of such a thread. For reach.c and the snapshot writer.
 */
#ifndef OUTLIVE_REACH_STUCK_H
#define OUTLIVE_REACH_STUCK_H

#include <stdbool.h>
#include <stdint.h>

struct stop;

struct reach_stuck {
	uint32_t tid, how;      /* FMT_STUCK_* */
	uint32_t joins;         /* tid, or 0 */
	uint32_t stack;         /* where it waits: stack.h, 0 unknown */
	uint32_t site;          /* of the block, 0 none */
	uint64_t address;       /* of the word that it waits on */
	uint64_t offset, bytes; /* of that in its block; of the block */
};
struct reach_stuck_threads {
	struct reach_stuck *thread;
	uint32_t n, room;
};
extern struct reach_stuck_threads g_reach_stuck __attribute__((visibility("hidden")));

/* After reach_mark_all(): finds them, and marks the blocks that others hold REACH_ALIVE, unless
 * there are none to find. 0, -ENOMEM or -ETIME: none are known. */
int reach_stuck_find(const struct stop *s);
void reach_stuck_free(void);

#endif
