/*
 * live_locks.h - who holds what a thread waits for, and rings of threads that wait for one another.
 * Between the files of live_stacks.h.
 */
#ifndef OUTLIVE_LIVE_LOCKS_H
#define OUTLIVE_LIVE_LOCKS_H

#include "live_stacks.h"

/* Fills in wait.owner of threads that wait for a lock of glibc or for another's end. */
void live_locks_owners(struct live_stacks *l, pid_t pid);
/* Fills in l->deadlock[], each proven: none of its threads has run since it was read. */
void live_locks_deadlocks(struct live_stacks *l, pid_t pid);

#endif
