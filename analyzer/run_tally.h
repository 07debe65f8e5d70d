/*
 * run_tally.h - what the processes of a gate have told of their beginnings and ends, in the file of
 * the library's option `tally`: run_tally.c.
 */
#ifndef OUTLIVE_RUN_TALLY_H
#define OUTLIVE_RUN_TALLY_H

#include "findings.h"

struct run_tally;

/* Reads the file; what is no line of ours is passed over. Never NULL. */
struct run_tally *run_tally_read(const char *path);
/* The process's last snapshot tells its end, too: before an exec, or for good. */
void run_tally_add(struct run_tally *t, uint64_t pid, bool by_exec);
/* True when the process was seen to its end. */
bool run_tally_ended(const struct run_tally *t, uint64_t pid);
/* The program that the process has become by exec and that has told no beginning; NULL: none. */
const char *run_tally_started(const struct run_tally *t, uint64_t pid);
/* True when there were other processes. */
bool run_tally_others(const struct run_tally *t, uint64_t pid);
/* Processes that left nothing, and no snapshot: f->n_quiet. Notes those of which nobody knows how
 * they ended, those that still run, and programs that were started and not seen (run_unseen.h);
 * but for `command`, a pid, of which its own caller tells. */
void run_tally_report(const struct run_tally *t, uint64_t command, bool accept_unseen,
                      struct findings *f);
void run_tally_free(struct run_tally *t);

#endif
