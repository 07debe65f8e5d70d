/*
 * run_status.h - what `outlive run` says while the command runs: run_status.c. Figures are of the
 * command's own process.
 */
#ifndef OUTLIVE_RUN_STATUS_H
#define OUTLIVE_RUN_STATUS_H

#include "run_child.h"
#include "target.h"

struct run_status {
	bool off;          /* no status line */
	uint64_t stats_ns; /* a line each so long; 0: none */
	char *stats_file;  /* to where they go; NULL: stderr */
	/* Filled in: */
	FILE *out;
	bool line; /* stderr is a terminal that we may draw on */
	bool drawn, has_target;
	uint64_t start_ns, next_stats_ns, written;
	uint32_t asked;
	struct target target;
	struct child_watch watch;
};

/* "5s" or "5s,FILE": OPT_PARSED, to: struct run_status. */
int run_status_parse(const char *value, void *to, struct err *err);
/* What child_run() is to call; NULL: nothing is to be said. -1 with err: the file. */
int run_status_begin(struct run_status *s, const struct child_watch **watch, struct err *err);
/* Takes the line away; the last figures have been said. */
void run_status_end(struct run_status *s);

#endif
