/*
 * live_made.h - who made each thread of a live process, where, and when: of one that runs with
 * liboutlive.so. Between the files of live_stacks.h.
 *
 * Nothing is asked of the process: its tables are read where they lie (format.h, struct fmt_live).
 */
#ifndef OUTLIVE_LIVE_MADE_H
#define OUTLIVE_LIVE_MADE_H

#include "live_build.h"
#include "live_stacks.h"
#include "target.h"

/* Fills in `made`, serial, creator and age of l's threads; leaves them where nothing is known. */
void live_made_read(struct live_stacks *l, struct target *t, struct live_build *b);

#endif
