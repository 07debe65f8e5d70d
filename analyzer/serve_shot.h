/*
 * serve_shot.h - snapshots of a live process for a server: serve_shot.c. One is asked for at a
 * time, and one that is younger than a second is taken again.
 */
#ifndef OUTLIVE_SERVE_SHOT_H
#define OUTLIVE_SERVE_SHOT_H

#include "job.h"
#include "serve_render.h"
#include "target.h"

/* A snapshot whose file has no name any more: it is gone when nobody holds it. */
struct shot {
	int fd;
	uint64_t at_ns; /* CLOCK_MONOTONIC, when it was asked for */
	bool trimmed;
	unsigned refs;
};

/* s NULL: there is none, and why. trim: what was asked for. */
typedef void shots_arrived(void *ctx, bool trim, struct shot *s, const struct err *why);

struct shots {
	struct target *target;
	struct jobs *jobs;
	uint64_t timeout_ns;
	shots_arrived *arrived;
	void *ctx;
	/* Filled in: */
	struct shot *base, *last, *moment[SERVE_MOMENTS]; /* base: the first of this image */
	unsigned n_moments;
	uint64_t moment_gap_ns;
	bool asking, asking_trim;
	uint64_t asked_ns;
};

/* Starts to ask, unless that is under way: arrived() will be called. -1 with err. */
int shots_ask(struct shots *s, bool trim, struct err *err);
/* One that was asked for at `since` at the earliest, to be dropped; NULL. */
struct shot *shots_fresh(struct shots *s, bool trim, uint64_t since);
struct shot *shot_hold(struct shot *s); /* NULL is fine */
void shot_drop(struct shot *s);         /* too */
void shots_free(struct shots *s);

#endif
