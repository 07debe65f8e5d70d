/*
 * live.h - two snapshots of a live process, with a pause between them: live.c.
 */
#ifndef OUTLIVE_LIVE_H
#define OUTLIVE_LIVE_H

#include <sys/types.h>

#include "ask.h"

/*
 * Asks for a snapshot, waits, asks for another one; paths, to be freed, in *a and *b. On a terminal
 * stderr counts the time down; Ctrl-C takes the second one at once. When the process ends in
 * between, its last snapshot is the second. -1 with err; *a may be set then.
 */
int live_pair(pid_t pid, uint64_t pause_ns, struct ask *ask, char **a, char **b, struct err *err);

#endif
