/*
 * older.h - the snapshots of one run that `outlive threads --older` looks at: older.c.
 */
#ifndef OUTLIVE_OLDER_H
#define OUTLIVE_OLDER_H

#include "kinds.h"

struct older_files {
	char **path; /* in the order in which they were taken; the last is the one to show */
	uint32_t n, cap;
	char *note; /* which process of a folder of several; or NULL */
};

/*
 * The snapshots that are named, which must be of one run; of a folder, those of one process
 * (folder_choose()). -1 with err. Free it in either case.
 */
int older_files_find(char *const *path, size_t n, struct older_files *out, struct err *err);
void older_files_free(struct older_files *files);

/* Holds all but the last against b, the last: fills in `older`. kinds_older_end() it when the kinds
 * are freed. */
int older_files_compare(const struct older_files *files, const struct snapshot *b,
                        struct kinds_older *older, struct err *err);

#endif
