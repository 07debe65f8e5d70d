/*
 * serve_index.h - the page /debug/pprof/: what there is, and how much of it. serve_index.c. A
 * writer as in out.h.
 */
#ifndef OUTLIVE_SERVE_INDEX_H
#define OUTLIVE_SERVE_INDEX_H

#include "folder.h"
#include "profile.h"

struct serve_index {
	struct profile *profile;            /* of one snapshot */
	const struct folder_images *images; /* of a folder; NULL: a live process */
	const char *token;                  /* that links carry on; or NULL */
	uint64_t pid;                       /* that was asked for; 0: none */
	bool live;
};

int serve_index(FILE *f, const struct serve_index *x, struct err *err);

#endif
