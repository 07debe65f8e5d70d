/*
 * out_stack.h - the stack of a row as lines for a person, for all tables: out_stack.c. Rows are
 * written out (profile_row(), row_write_out()).
 */
#ifndef OUTLIVE_OUT_STACK_H
#define OUTLIVE_OUT_STACK_H

#include "out.h"
#include "page.h"

/* Modules with frames that have no name, among those that were printed: the reader will want to
 * know. Zero is valid and empty. */
struct nameless {
	const struct module *module[8];
	unsigned n;
};

/* Ends the line with the row's site; on a line of its own where this one has no room. */
void out_stack_site(struct page *page, const struct row *r, const struct out_options *o,
                    struct nameless *nameless);
/* The callers of the site, outwards, a line each. */
void out_stack_callers(struct page *page, const struct row *r, const struct out_options *o,
                       struct nameless *nameless);
/* A closing line, when there were any. */
void out_stack_nameless(struct page *page, const struct nameless *nameless);

#endif
