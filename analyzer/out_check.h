/*
 * out_check.h - findings for a person: out_check.c.
 */
#ifndef OUTLIVE_OUT_CHECK_H
#define OUTLIVE_OUT_CHECK_H

#include "findings.h"
#include "out.h"

struct out_check {
	const struct out_options *out; /* n: findings at most; wide: whole stacks */
	const struct rules *rules; /* that were applied, with their uses; NULL: nothing is said */
	bool explain;              /* what was accepted, and by what */
	bool uses;                 /* what each suppression of the user's has accepted */
	bool baseline;             /* one was given, or suppressions: no word of how that is done */
	int status;                /* that follows */
	const char *command;       /* "run": how the command itself ended, a clause; NULL */
};
int out_text_check(FILE *f, const struct findings *found, const struct out_check *o,
                   struct err *err);

#endif
