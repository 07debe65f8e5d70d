/*
 * out_trace.h - a process over time, for trace viewers: out_perfetto.c. A writer as in out.h.
 */
#ifndef OUTLIVE_OUT_TRACE_H
#define OUTLIVE_OUT_TRACE_H

#include "history.h"

/*
 * Chrome's trace events as JSON, which ui.perfetto.dev reads: a track a thread with its life (and
 * what an ended one still holds) and with the waits that any of the snapshots has kept, descriptors
 * and timers from birth on, counters at each moment of the history. s: the n >= 1 snapshots that
 * the history is of, by uptime, symbolized.
 */
int out_perfetto(FILE *f, const struct snapshot *const *s, uint32_t n, const struct history *h,
                 struct err *err);

#endif
