/*
 * written.h - the file that a live process says it has written. Who asks may be root, and the
 * process another's: it names what it likes.
 */
#ifndef OUTLIVE_WRITTEN_H
#define OUTLIVE_WRITTEN_H

#include "target.h"

/*
 * Opens it for reading: a regular file, no link, named as a snapshot of this process, and of its
 * user where that is not ours. -1 with err for anything else, which is neither opened nor touched.
 */
int written_open(const struct target *t, const char *path, struct err *err);
/* The same, and takes its name away: it is gone when the descriptor is closed. */
int written_take(const struct target *t, const char *path, struct err *err);

#endif
