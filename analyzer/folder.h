/*
 * folder.h - the snapshots of a folder, by process: folder.c.
 */
#ifndef OUTLIVE_FOLDER_H
#define OUTLIVE_FOLDER_H

#include "util.h"

struct folder_choice {
	char *first, *last; /* paths, to be freed */
	char *note; /* which process, of how many, and how to name another; NULL when there was no
	               choice */
};

/*
 * The first and the last snapshot of one process in the folder: of the process `pid` (0: any); of
 * several, of the one with the most snapshots, and then of the one written last. A program that the
 * process became by exec is another process here. -1 with err when there are no two.
 */
int folder_choose(const char *path, uint64_t pid, struct folder_choice *out, struct err *err);
void folder_choice_free(struct folder_choice *c);

/* A process image of which there are snapshots. */
struct folder_image {
	char *first, *last; /* paths, by sequence */
	char *peak;         /* that of the moment when the heap was at its highest; NULL: none */
	uint64_t pid;
	uint64_t last_time; /* when `last` was written, ns since 1970 */
	unsigned n;
};
struct folder_images {
	struct folder_image *at; /* in the order in which the images began */
	size_t n;
};
/* The images that the paths hold, each a snapshot or a folder of them; there may be none. -1 with
 * err that names the first file that cannot be read. */
int folder_images(const char *const *path, size_t n, struct folder_images *out, struct err *err);
/* The same of one folder that is being written to: what cannot be read is not there. */
int folder_look(const char *path, struct folder_images *out, struct err *err);
void folder_images_free(struct folder_images *images);

#endif
