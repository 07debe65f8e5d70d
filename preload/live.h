/*
 * live.h - the table of live blocks: address to size, site and birth. See live.c for its shape and
 * why. Any number of threads; put and take of one address are ordered by the program itself (a
 * block is freed after it was made). IN_TRACKER is set.
 */
#ifndef OUTLIVE_LIVE_H
#define OUTLIVE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "track.h"

#define LIVE_SITE_MAX (1u << 23)

int live_init(void);
/*
 * 0: kept. 1: kept, and a block was there already, now in *stale: its free was not seen.
 * -ENOMEM: not kept; stale->site is not 0 if a block was there already.
 * Births are kept modulo 2^31 ticks (104 days). Addresses that are no multiple of 8 are not kept.
 */
int live_put(uintptr_t address, const struct block *b, struct block *stale);
bool live_take(uintptr_t address, struct block *out);
/* Looks without taking. */
bool live_find(uintptr_t address, struct block *out);

/* For the snapshot child: takes no lock, or only with a bound; blocks that come or go meanwhile may
 * or may not be shown. Each block that lives throughout is shown once. */
void live_walk(void (*fn)(uintptr_t address, const struct block *b, void *arg), void *arg);
/* Bytes of the table that were touched. */
uint64_t live_bytes_used(void);
void live_fork_child(void);

#endif
