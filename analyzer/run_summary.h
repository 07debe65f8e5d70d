/*
 * run_summary.h - what `outlive run` says when its command has ended: the snapshots that it left,
 * and what to type next.
 */
#ifndef OUTLIVE_RUN_SUMMARY_H
#define OUTLIVE_RUN_SUMMARY_H

#include "command.h"
#include "run_child.h"

struct run_summary {
	char *pattern; /* for glob(): all snapshots of the folder */
	char **before; /* sorted: those that were there */
	size_t n_before;
	uint64_t start_ns; /* of the run, since 1970 */
};

/* Before the command starts. `out` as OUTLIVE_OPTIONS has it, absolute; %p and %c match anything.
 */
void run_summary_begin(struct run_summary *s, const char *out);
/* Afterwards: writes it to f. Says so, in a sentence, when nothing of the command was seen. */
void run_summary_print(struct run_summary *s, FILE *f, const struct command *command,
                       const struct child *child, const char *options);
void run_summary_free(struct run_summary *s);

#endif
