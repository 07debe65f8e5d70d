/*
 * out_group.h - tables whose rows are functions, lines, modules or threads: out_group.c,
 * out_tree.c. Writers as in out.h.
 */
#ifndef OUTLIVE_OUT_GROUP_H
#define OUTLIVE_OUT_GROUP_H

#include "document.h"
#include "out.h"
#include "page.h"

int out_text_groups(FILE *f, const struct groups *g, const struct out_options *o, struct err *err);
int out_json_groups(FILE *f, const struct groups *g, const struct out_options *o, struct err *err);
/* Functions with their callers and callees; those alone that are picked. */
int out_text_tree(FILE *f, const struct groups *g, const struct out_options *o, struct err *err);
int out_json_tree(FILE *f, const struct groups *g, const struct out_options *o, struct err *err);

/* Heading and warnings of either. */
void out_group_heading(struct page *page, const struct profile *p, const struct out_options *o);
/* A figure of a column, right-aligned in `width`; a difference has its sign. */
void out_group_figure(struct page *page, enum column c, int64_t value, bool sign, int width);
/* "3 %", of a whole; "-" when there is none. */
const char *out_group_percent(char buf[32], int64_t part, int64_t whole);
/* Name and place, as much as there is room for. */
void out_group_name(struct page *page, enum style style, const struct group *g, enum group_by by,
                    bool wide);
/* The first keys of a document: snapshot, audit; of a diff base {snapshot, audit}, same_run,
 * since_ns. */
void out_group_document(struct document *d, const struct profile *p);
/* What a group is: function, file, line, module, address, thread, as keys of o. */
void out_group_identity(json_t *o, const struct group *g, enum group_by by);

#endif
