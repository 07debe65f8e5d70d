/*
 * out_traces.h - whole stacks, one below the other: out_traces.c. As in out.h.
 */
#ifndef OUTLIVE_OUT_TRACES_H
#define OUTLIVE_OUT_TRACES_H

#include "out.h"

/* p was made with options.samples: threads are shown. */
int out_text_traces(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);

#endif
