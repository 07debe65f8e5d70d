/*
 * source.h - a file of source text, for a listing: source.c.
 */
#ifndef OUTLIVE_SOURCE_H
#define OUTLIVE_SOURCE_H

#include "util.h"

struct source {
	char *path; /* where it was found, NULL: nowhere */
	char *text;
	const char **line; /* [0] is line 1; ended by NUL */
	uint32_t n_lines;
	uint64_t changed_ns; /* since 1970 */
};

/*
 * file as debug information names it; folders, joined by ':' (or NULL), hold copies of the tree:
 * "DIR/src/x.c" or "DIR/x.c" is found for "/build/src/x.c". False when it is nowhere.
 * source_close() in either case.
 */
bool source_open(struct source *s, const char *file, const char *folders);
void source_close(struct source *s);

#endif
