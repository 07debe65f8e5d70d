/*
 * hints.h - what would save the reader a day, and only where it applies: hints.c.
 */
#ifndef OUTLIVE_HINTS_H
#define OUTLIVE_HINTS_H

#include "profile.h"

enum { HINTS_MAX = 6 };
struct hints {
	char *text[HINTS_MAX]; /* a sentence or two each */
	unsigned n;
};
struct hint_options {
	size_t rows; /* how many rows the reader is shown, 0 all */
	enum column sort;
	bool raw;
	bool lines;        /* source lines are wanted, too, not only names */
	const char *lists; /* dpkg's, NULL: none */
};

/* hints_free() it. Opens ELF files and dpkg's lists, where shown frames have no names. */
void hints_find(const struct profile *p, const struct hint_options *o, struct hints *h);
void hints_free(struct hints *h);

#endif
