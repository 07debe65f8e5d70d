/*
 * ask.h - asks a live process for one more snapshot.
 */
#ifndef OUTLIVE_ASK_H
#define OUTLIVE_ASK_H

#include <sys/types.h>

#include "util.h"

struct ask {
	const char *label;   /* kept in the snapshot; "" for none */
	uint64_t timeout_ns; /* how long to wait for the file */
	bool reach;          /* which blocks can it still reach? */
	bool trim;           /* the allocator is to give back what it caches, first */
	bool aside;          /* not to be counted by `keep`: the caller removes the file */
	uint64_t deadline_ns, trim_until_ns; /* filled in */
	uint32_t request;                    /* filled in: its number */
	/* trim; filled in: the process made no heap call in time to do it in, its resident bytes
	 * before and after otherwise. 0: its allocator has no way that outlive knows. */
	bool trim_missed;
	uint64_t rss_before, rss_after;
};

/*
 * *path: the absolute path of the new file, for us to open, to be freed. -1 with a sentence in err
 * when there is none: the process cannot be asked, does not answer, or could not write.
 */
int ask_snapshot(pid_t pid, struct ask *a, char **path, struct err *err);

#endif
