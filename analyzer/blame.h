/*
 * blame.h - in which test something was made that was not given back, where the program has named
 * its tests (preload/outlive.h). blame.c.
 */
#ifndef OUTLIVE_BLAME_H
#define OUTLIVE_BLAME_H

#include "kinds.h"

/* "parses an empty file", "parses ... and 2 more"; interned. NULL: not known, or in no test. */
const char *blame_heap(const struct snapshot *s, uint32_t stack);
const char *blame_group(const struct kinds *k, const struct group *g);

#endif
