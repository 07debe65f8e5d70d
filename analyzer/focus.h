/*
 * focus.h - which stacks --focus and --ignore let through: focus.c.
 */
#ifndef OUTLIVE_FOCUS_H
#define OUTLIVE_FOCUS_H

#include "profile.h"

#include <regex.h>

/*
 * *shown by node, to be freed: 1 where the stack that ends there matches o->focus in some frame and
 * o->ignore in none. NULL when neither is given. -1 with err for a pattern that is none.
 */
int focus_nodes(const struct snapshot *s, const struct profile_options *o, uint8_t **shown,
                struct err *err);

/* 0 when the pattern is one; else -1 with err. */
int focus_check(const char *pattern, struct err *err);

/* What a pattern is tried on: the function, its linkage name and its file; the module's path. */
int focus_compile(regex_t *re, const char *pattern, struct err *err);
bool focus_in_line(const regex_t *re, const struct line *line);
bool focus_in_module(const regex_t *re, const struct module *module);

#endif
