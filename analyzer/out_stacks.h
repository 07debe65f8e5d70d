/*
 * out_stacks.h - writers of a live process's stacks (live_stacks.h). Each takes a FILE and reads
 * nothing else. 0, or -1 with err when the FILE refuses.
 */
#ifndef OUTLIVE_OUT_STACKS_H
#define OUTLIVE_OUT_STACKS_H

#include "live_stacks.h"
#include "out.h"

/* For a person. */
int out_stacks_text(FILE *f, const struct live_stacks *l, const struct out_options *o,
                    struct err *err);
/* As Go's /debug/pprof/goroutine?debug=1: groups with counts; `go tool pprof` reads it. */
int out_stacks_groups(FILE *f, const struct live_stacks *l, struct err *err);
/* As ?debug=2: each thread under "thread 12 [mutex, 3 minutes]:". */
int out_stacks_threads(FILE *f, const struct live_stacks *l, struct err *err);
int out_stacks_json(FILE *f, const struct live_stacks *l, struct err *err);

/* "Deadlock: 2 threads wait for one another", without an end; into s. */
void out_stacks_dead_words(struct str *s, const struct live_deadlock *d);

#endif
