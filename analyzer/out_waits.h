/*
 * out_waits.h - what the threads of a snapshot wait for, in words and as JSON: out_waits.c.
 */
#ifndef OUTLIVE_OUT_WAITS_H
#define OUTLIVE_OUT_WAITS_H

#include "document.h"
#include "kinds.h"
#include "out_stack.h"

/* Of a group: a line for each thing that threads of it wait for, and one for where; those that are
 * not idle first, then most first. Alike but for addresses and descriptors is alike. */
void out_waits_text(struct page *page, const struct kinds *k, const struct group *g,
                    const struct out_options *o, struct nameless *nameless);
/* The list "waits" of a group: count, kind, waits_on, at_least_s, owner_tid, owner_ended, idle,
 * tids, site, stack. */
json_t *out_waits_json(const struct kinds *k, const struct group *g);
/* What the most of it wait for, a word; NULL when that is not known. Interned. */
const char *out_waits_on(const struct kinds *k, const struct group *g);

/* What --older asked for, and how many idle threads it left out: a line, or nothing; an object, or
 * null. */
void out_older_text(struct page *page, const struct kinds *k);
json_t *out_older_json(const struct kinds *k);

#endif
