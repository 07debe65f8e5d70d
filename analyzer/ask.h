/*
 * ask.h - asks a live process for one more snapshot.
 */
#ifndef OUTLIVE_ASK_H
#define OUTLIVE_ASK_H

#include <sys/types.h>

#include "util.h"

struct ask {
	const char *label;    /* kept in the snapshot; "" for none */
	uint64_t timeout_ns;  /* how long to wait for the file */
	uint64_t deadline_ns; /* filled in */
};

/*
 * *path: the absolute path of the new file, for us to open, to be freed. -1 with a sentence in err
 * when there is none: the process cannot be asked, does not answer, or could not write.
 */
int ask_snapshot(pid_t pid, struct ask *a, char **path, struct err *err);

#endif
