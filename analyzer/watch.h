/*
 * watch.h - what `outlive watch` knows and what it shows: watch.c (the model: snapshots, the mark,
 * figures over time), watch_screen.c (the terminal), cmd_watch.c (keys, time).
 */
#ifndef OUTLIVE_WATCH_H
#define OUTLIVE_WATCH_H

#include <sys/types.h>

#include "kinds.h"
#include "rules.h"

enum { WATCH_POINTS = 240 };
enum watch_tab { TAB_HEAP, TAB_THREADS, TAB_TIMERS, TAB_FDS, N_TABS };

/* One look at the process. */
struct watch_point {
	uint64_t uptime_ns;
	int64_t live, blocks, allocated, allocated_blocks;
	int64_t rss; /* -1: not measured */
};

struct watch {
	pid_t pid;
	struct profile_options options; /* sort, focus, ignore */
	struct rules rules;
	uint64_t started_ns; /* since when we watch, of the monotonic clock */

	struct snapshot *mark, *now; /* mark may be now; NULL until the first look */
	struct profile *profile;     /* now against mark; of one snapshot while there is but one */
	struct kinds *kinds;
	struct watch_point point[WATCH_POINTS]; /* the last n_points, oldest first */
	size_t n_points;
	uint64_t looks;

	/* What the person has chosen. */
	enum watch_tab tab;
	bool churn, paused, detail, help;
	size_t selected, scroll; /* of the rows; of the lines of a detail */
	struct err problem;      /* "" when the last look went well */
	bool gone;               /* the process has ended: nothing new will come */
};

/* Asks the process for a snapshot, and makes it w->now; its file is removed. -1 with w->problem. */
int watch_look(struct watch *w, uint64_t timeout_ns);
/* The difference anew: after a look, or when the mark or an option has changed. */
void watch_rank(struct watch *w);
/* From here on growth is counted. */
void watch_set_mark(struct watch *w);
void watch_free(struct watch *w);
/* How many rows the table that is shown has. */
size_t watch_rows(const struct watch *w);
/* Per second, over the last looks: of allocated bytes and blocks. 0 with fewer than two looks. */
double watch_rate(const struct watch *w, bool blocks);

/* Draws all of it, for whatever size the terminal has now. */
void watch_draw(struct watch *w);

#endif
