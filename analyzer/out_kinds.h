/*
 * out_kinds.h - tables of threads, timers and descriptors, as text (out_kinds.c) and as JSON
 * (out_kinds_json.c). They write out one stack at a time into k, and change nothing else in it.
 */
#ifndef OUTLIVE_OUT_KINDS_H
#define OUTLIVE_OUT_KINDS_H

#include "document.h"
#include "kinds.h"
#include "out_stack.h"

/* A verb's whole output. 0, or -1 with err when the FILE refuses. */
int out_text_kind(FILE *f, struct kinds *k, enum object_kind kind, const struct out_options *o,
                  struct err *err);
int out_json_kind(FILE *f, struct kinds *k, enum object_kind kind, const struct out_options *o,
                  struct err *err);

/* Parts of a diff: what grew since k->a, by kind. */
void out_text_growth(struct page *page, struct kinds *k, const struct out_options *o,
                     struct nameless *nameless);
void out_json_growth(struct document *d, struct kinds *k, const struct out_options *o);

/* Rows of a residue: one group, or for descriptors those of one group. `rank` counts groups. */
void out_json_group(struct document *d, struct kinds *k, const struct group *g, size_t rank);
/* "25.2 MB of address space", "/etc/passwd", "every 1.0 ms": what makes a group worth a look, in a
 * few words; "" when there is nothing. Returns buf. */
char *out_group_words(char *buf, size_t size, struct kinds *k, const struct group *g);

#endif
