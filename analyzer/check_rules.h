/*
 * check_rules.h - the rules that hold for a process: those of the check, and what its program
 * brings itself for LeakSanitizer. check_rules.c.
 */
#ifndef OUTLIVE_CHECK_RULES_H
#define OUTLIVE_CHECK_RULES_H

#include "findings.h"

struct check_rules;

/* base lives as long as it. */
struct check_rules *check_rules_new(const struct rules *base);
/* Stays until check_rules_free(). What cannot be taken over is noted in f. */
const struct rules *check_rules_of(struct check_rules *all, const struct snapshot *s,
                                   struct findings *f);
void check_rules_free(struct check_rules *all);

#endif
