/*
 * out_sums.h - tables whose rows are functions, lines, modules or threads: out_sums.c,
 * out_tree.c. Writers as in out.h.
 */
#ifndef OUTLIVE_OUT_SUMS_H
#define OUTLIVE_OUT_SUMS_H

#include "document.h"
#include "out.h"
#include "page.h"

int out_text_sums(FILE *f, const struct sums *g, const struct out_options *o, struct err *err);
int out_json_sums(FILE *f, const struct sums *g, const struct out_options *o, struct err *err);
/* Functions with their callers and callees; those alone that are picked. */
int out_text_tree(FILE *f, const struct sums *g, const struct out_options *o, struct err *err);
int out_json_tree(FILE *f, const struct sums *g, const struct out_options *o, struct err *err);

/* Heading and warnings of either. */
void out_sum_heading(struct page *page, const struct profile *p, const struct out_options *o);
/* A figure of a column, right-aligned in `width`; a difference has its sign. */
void out_sum_figure(struct page *page, enum column c, int64_t value, bool sign, int width);
/* It holds, or passed on, something of what ranks; and how many do. */
bool out_sum_is_shown(const struct sum *g, const struct out_options *o);
uint32_t out_sum_count(const struct sums *g, const struct out_options *o);
/* "3 %", of a whole; "-" when there is none. */
const char *out_sum_percent(char buf[32], int64_t part, int64_t whole);
/* Name and place, as much as there is room for. */
void out_sum_name(struct page *page, enum style style, const struct sum *g, enum sum_by by,
                  bool wide);
/* The first keys of a document: snapshot, audit; of a diff base {snapshot, audit}, same_run,
 * since_ns. */
void out_sum_document(struct document *d, const struct profile *p);
/* What a group is: function, file, line, module, address, thread, as keys of o. */
void out_sum_identity(json_t *o, const struct sum *g, enum sum_by by);

#endif
