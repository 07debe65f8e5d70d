/*
 * out_trace.h - a process over time, for trace viewers: out_perfetto.c. A writer as in out.h.
 */
#ifndef OUTLIVE_OUT_TRACE_H
#define OUTLIVE_OUT_TRACE_H

#include "history.h"

/*
 * Chrome's trace events as JSON, which ui.perfetto.dev reads: a track a thread with its life (and
 * what an ended one still holds), descriptors and timers from birth on, counters at each moment of
 * the history. s is the last of its snapshots, symbolized.
 */
int out_perfetto(FILE *f, const struct snapshot *s, const struct history *h, struct err *err);

#endif
