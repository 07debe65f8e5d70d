/*
 * reach.h - sums and words of what a scan says of live blocks (profile.h, struct reach).
 */
#ifndef OUTLIVE_REACH_H
#define OUTLIVE_REACH_H

#include <jansson.h>

#include "page.h"
#include "profile.h"

/* "lost", "indirect", "possible", "reachable" by FMT_REACH_*; NULL for 0. */
extern const char *const reach_class_name[FMT_REACH_CLASSES];

/* Adds what; *to is made of the pool when there is none yet. */
void reach_add(struct pool *pool, struct reach **to, const struct reach *what);
void reach_sum(struct reach *to, const struct reach *what);
/* The worst that is said of any of the blocks; NULL: nothing is. */
const char *reach_verdict(const struct reach *r);
/* True when the blocks differ, or somebody is known to hold them: more than a word is to be said.
 */
bool reach_is_mixed(const struct reach *r);
/* "1 kB in 1 block lost, 900 B in 9 held by it": what is known of each class. */
void reach_words(struct str *s, const struct reach *r);
/* " (lost is: FUNCTION  FILE:LINE)": where what holds the row's indirectly lost blocks was made. */
void reach_owner_words(struct str *s, const struct row *r);
/* A line under the heading: the sums, or why there are none. Nothing without a scan. */
void reach_heading(struct page *page, const struct snapshot *s, const struct reach *sum);

/* {"lost": {"objects", "space"}, ... "unknown"}; null for NULL. */
json_t *reach_json(const struct reach *r);
/* "reach" of a document: {"state": "done" | "refused", "why", "way", and as above}; null without a
 * scan. sum may be NULL. */
json_t *reach_scan_json(const struct snapshot *s, const struct reach *sum);
/* Frame at which the lost blocks were made that hold the row's indirectly lost ones; or null. */
json_t *reach_owner_json(const struct row *r);

#endif
