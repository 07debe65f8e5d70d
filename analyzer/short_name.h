/*
 * short_name.h - names of functions for a line of a table: those of C++ templates can take
 * kilobytes. short_name.c.
 */
#ifndef OUTLIVE_SHORT_NAME_H
#define OUTLIVE_SHORT_NAME_H

#include "util.h"

/* Longer than this no name stays, whatever it is made of. */
enum { SHORT_NAME_MOST = 120 };

/*
 * Adds the name. One that takes more than `fit` bytes has its arguments folded, the innermost
 * first, no more of them than needed: "std::map<...>::emplace<...>"; it may still take more than
 * fit, then. One without any stays as it is up to SHORT_NAME_MOST, else its middle goes.
 */
void short_name(struct str *s, const char *name, size_t fit);

#endif
