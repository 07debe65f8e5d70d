/*
 * out_prometheus.h - figures for Prometheus: out_prometheus.c. A writer as in out.h.
 */
#ifndef OUTLIVE_OUT_PROMETHEUS_H
#define OUTLIVE_OUT_PROMETHEUS_H

#include "kinds.h"

/* A process: the heap and the rest of one snapshot, or of the difference of two (then the sites are
 * those that grew; all else is of the later snapshot). */
struct metrics_of {
	const struct profile *profile;
	const struct kinds *kinds;
	const struct profile *growth; /* of one snapshot: since an earlier one, too; or NULL */
};
struct metrics_options {
	bool openmetrics; /* OpenMetrics 1.0; else Prometheus' own text format, 0.0.4 */
	bool named; /* every sample has labels command and pid; always with several processes */
	bool raw;
	size_t n_sites;  /* at most, a process: each is a time series of its own */
	uint64_t now_ns; /* since 1970: tells the snapshot's age; 0: no age */
};

int out_prometheus(FILE *f, const struct metrics_of *at, size_t n, const struct metrics_options *o,
                   struct err *err);

#endif
