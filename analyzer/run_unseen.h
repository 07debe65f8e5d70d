/*
 * run_unseen.h - programs that a gate's processes have started and that did not load the library:
 * how many, and what of their files tells why. run_unseen.c.
 */
#ifndef OUTLIVE_RUN_UNSEEN_H
#define OUTLIVE_RUN_UNSEEN_H

#include "findings.h"

struct run_unseen;

struct run_unseen *run_unseen_new(void);
/* One process; the path is interned. */
void run_unseen_add(struct run_unseen *u, const char *path);
/*
 * Notes them in f, and counts them: f->n_unseen. The verdict stays open where one is the user's own
 * and its file says that the library cannot get into it, unless `accept`: programs of the system
 * are not what is tested, and of others it is not known whether there was anything to be seen.
 * Frees u.
 */
void run_unseen_report(struct run_unseen *u, bool accept, struct findings *f);

#endif
