/*
 * alike.h - stacks that read alike: alike.c.
 */
#ifndef OUTLIVE_ALIKE_H
#define OUTLIVE_ALIKE_H

#include "match.h"

/*
 * Gives equal numbers in ma->meaning and mb->meaning, as match_nodes() has made them, also to
 * stacks with the same functions, files and lines: a compiler that unrolls a loop makes several
 * call instructions of one line. a may be NULL. Both symbolized.
 */
void alike_nodes(const struct snapshot *a, const struct snapshot *b, struct match *ma,
                 struct match *mb);

#endif
