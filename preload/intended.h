/*
 * intended.h - what the program has told us to be meant to stay: single blocks, descriptors,
 * threads, timers; and all that a thread makes within a scope. What is intended is written into
 * snapshots as such, and is a root of the scan (reach.h): a block that it points to is not lost.
 *
 * Calls through api.c: any thread, no signal handler.
 */
#ifndef OUTLIVE_INTENDED_H
#define OUTLIVE_INTENDED_H

#include <stdbool.h>
#include <stdint.h>

#include "track.h"

enum intended_kind { INTENDED_BLOCK, INTENDED_FD, INTENDED_THREAD, INTENDED_TIMER };

/* A block by its address, a descriptor by its number, a thread by its pthread_t, a timer by its
 * timer_t. False when it is not known, or there is no room. */
bool intended_add(enum intended_kind kind, uint64_t id);
/* A scope of the calling thread; scopes may lie in one another. 0: there is no room, and the scope
 * has no effect. */
uint32_t intended_begin(void);
/* Finds all that the calling thread has made since, and is there still. Walks the table of live
 * blocks when some were made. */
void intended_end(uint32_t scope);
void intended_fork_child(void);

/* ---- for the snapshot child, verify.c and the scan: lock-free, no TLS ---- */

/* serial: of a thread, or of a timer. */
struct fd_view;
bool intended_fd(uint32_t fd, const struct fd_view *v);
bool intended_thread(uint64_t serial);
bool intended_timer(uint64_t serial);
void intended_each_block(void (*fn)(uintptr_t address));

#endif
