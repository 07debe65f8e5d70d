/*
 * out_details.h - what is said of a row beside its figures: sizes, temporaries, lifetimes, ages:
 * out_details.c.
 */
#ifndef OUTLIVE_OUT_DETAILS_H
#define OUTLIVE_OUT_DETAILS_H

#include "document.h"
#include "page.h"

/* A line each, where there is something to say. */
void out_details(struct page *page, const struct profile *p, const struct row *r);
/* How long what was born since A, and lives, has lived. */
void out_details_survivors(struct page *page, const struct profile *p, const struct row *r);
/* Of the blocks that were freed, `permille` lived at most so long. */
uint64_t out_details_lifetime_ns(const struct row *r, unsigned permille);
/* Of a histogram of ages, `permille` of the blocks are at most so old, within an eighth. */
uint64_t out_details_age_ns(const struct histogram *h, unsigned permille);
/* size_min, size_avg, size_max, lifetime_ns, age_ns as keys of o; unknown is null. */
void out_details_json(json_t *o, const struct profile *p, const struct row *r);

#endif
