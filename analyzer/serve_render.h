/*
 * serve_render.h - an answer's body, from snapshots: serve_render.c. In a process of its own
 * (job.h), so it may take long.
 */
#ifndef OUTLIVE_SERVE_RENDER_H
#define OUTLIVE_SERVE_RENDER_H

#include <sys/types.h>

#include "serve_route.h"

enum { SERVE_MOMENTS = 16 };

struct serve_work {
	struct serve_route route;
	pid_t pid;                 /* of a live process, or 0: */
	const char *folder;        /* of snapshots */
	int a, b;                  /* descriptors: the difference is from a to b; a -1: b alone */
	int moment[SERVE_MOMENTS]; /* for the report: others of the process, by time */
	unsigned n_moments;
	const char *nonce; /* of the page's script */
	const char *token; /* that links are to carry on; or NULL */
	bool no_cache;
};

/* -1 with err. */
int serve_render(FILE *f, const struct serve_work *w, struct err *err);

#endif
