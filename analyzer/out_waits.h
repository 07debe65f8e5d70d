/*
 * out_waits.h - what the threads of a snapshot wait for, in words and as JSON: out_waits.c.
 */
#ifndef OUTLIVE_OUT_WAITS_H
#define OUTLIVE_OUT_WAITS_H

#include "document.h"
#include "kinds.h"
#include "page.h"

/* "semaphore 0x7f..; since 12 s or more": of thread t of k->b, appended. False, and nothing, when
 * the thread ran, has ended, or nobody knows. */
bool out_wait_words(struct str *s, const struct kinds *k, const struct task *t);
/* For how long t has been in this very wait, at least: by the earlier snapshot. 0: not known. */
uint64_t out_wait_ns(const struct kinds *k, const struct task *t);
/* Of a group: a line for each thing that threads of it wait for, most first. Alike but for
 * addresses and descriptors is alike. */
void out_waits_text(struct page *page, const struct kinds *k, const struct group *g, bool all);
/* The list "waits" of a group: count, waits_on, at_least_s, tids. */
json_t *out_waits_json(const struct kinds *k, const struct group *g);
/* What the most of it wait for, a word; NULL when that is not known. Interned. */
const char *out_waits_on(const struct kinds *k, const struct group *g);

#endif
