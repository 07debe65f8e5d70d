/*
 * histogram.h - sums and differences of histograms: histogram.c.
 */
#ifndef OUTLIVE_HISTOGRAM_H
#define OUTLIVE_HISTOGRAM_H

#include "profile.h"

/* Adds `from` to h. An empty h shares from's bins: they must live as long. */
void histogram_add(struct pool *pool, struct histogram *h, const struct histogram *from);
/* Never below 0: two shards may have been read at slightly different moments. */
void histogram_subtract(struct pool *pool, struct histogram *h, const struct histogram *from);

#endif
