/*
 * run_folder.h - the private folder into which all processes of `outlive run --check` write:
 * run_folder.c.
 */
#ifndef OUTLIVE_RUN_FOLDER_H
#define OUTLIVE_RUN_FOLDER_H

#include "findings.h"

struct run_folder {
	char *path;
	char *tally; /* the file in it to which processes that leave nothing add a line */
	char *keep;  /* where what a report names is to stay, at the end; NULL: in path */
};

/*
 * Makes it. In `out`, or beside: a suite may look at what lies in the folder that it runs in, so
 * with `aside` it is made where temporary files go, and only what stays moves to `out`. -1 with
 * err.
 */
int run_folder_make(struct run_folder *r, const char *out, bool aside, struct err *err);
/* Moves the snapshots that f names to where they stay, says so in f, and removes all others. */
void run_folder_tidy(struct run_folder *r, struct findings *f);
/* When nothing was run. */
void run_folder_remove(struct run_folder *r);
void run_folder_free(struct run_folder *r);

#endif
