/*
 * since.h - a snapshot of a program that goes on, as if it had begun at its last checkpoint
 * (preload/outlive.h) and ended with the snapshot. since.c.
 */
#ifndef OUTLIVE_SINCE_H
#define OUTLIVE_SINCE_H

#include "profile.h"

/* Takes out threads, timers and descriptors that were there before, and of lost blocks more than
 * their stack has grown by. -1 with err when there is no checkpoint. */
int since_checkpoint(struct snapshot *s, struct err *err);

#endif
