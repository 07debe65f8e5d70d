/*
 * track_sample.h - between track_heap.c and track_sample.c: how a sample is counted, for what it
 * stands for (sample.h). IN_TRACKER is set.
 */
#ifndef OUTLIVE_TRACK_SAMPLE_H
#define OUTLIVE_TRACK_SAMPLE_H

#include "context.h"

/* What a block of this size counts for, in bytes. */
uint64_t sampled_bytes(uint64_t size);
/* A sample of the site was made. */
void sampled_alloc(struct ctx *c, struct site *s, uint64_t size);
/* One was freed: its age and whether it was temporary are in c->undo. Or, undone: it was not. */
void sampled_free(struct ctx *c, struct site *s, uint64_t size, bool undone);

#endif
