/*
 * out_waits.h - what the threads of a snapshot wait for, in words and as JSON: out_waits.c.
 */
#ifndef OUTLIVE_OUT_WAITS_H
#define OUTLIVE_OUT_WAITS_H

#include "document.h"
#include "kinds.h"
#include "page.h"

/* Of a group: a line for each thing that threads of it wait for, most first. Alike but for
 * addresses and descriptors is alike. */
void out_waits_text(struct page *page, const struct kinds *k, const struct group *g, bool all);
/* The list "waits" of a group: count, waits_on, at_least_s, tids. */
json_t *out_waits_json(const struct kinds *k, const struct group *g);
/* What the most of it wait for, a word; NULL when that is not known. Interned. */
const char *out_waits_on(const struct kinds *k, const struct group *g);

#endif
