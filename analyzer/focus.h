/*
 * focus.h - which stacks --focus and --ignore let through: focus.c.
 */
#ifndef OUTLIVE_FOCUS_H
#define OUTLIVE_FOCUS_H

#include "profile.h"

/*
 * *shown by node, to be freed: 1 where the stack that ends there matches o->focus in some frame and
 * o->ignore in none. NULL when neither is given. -1 with err for a pattern that is none.
 */
int focus_nodes(const struct snapshot *s, const struct profile_options *o, uint8_t **shown,
                struct err *err);

/* 0 when the pattern is one; else -1 with err. */
int focus_check(const char *pattern, struct err *err);

#endif
