/*
 * page.h - lines of text for a person: fitted to a width, coloured or not. page.c.
 */
#ifndef OUTLIVE_PAGE_H
#define OUTLIVE_PAGE_H

#include "profile.h"

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_WARNING };

struct page {
	FILE *file;
	unsigned width; /* 0: no limit */
	bool color;
	struct str line; /* being built, with its colours */
	size_t columns;  /* that it takes */
};

/* Adds text to the line; foreign bytes are made safe. What does not fit is cut and ends in "...".
 */
void page_add(struct page *p, enum style style, const char *text);
void page_addf(struct page *p, enum style style, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* A function's name, whole or as short as a line wants it (short_name.h). */
void page_add_name(struct page *p, enum style style, const char *name, bool whole);
/* The columns that it takes. */
size_t page_name_width(const struct page *p, const char *name, bool whole);
/* Blanks up to a column; one at least, unless the line is empty. */
void page_pad(struct page *p, size_t column);
void page_end_line(struct page *p);
/* A paragraph: wrapped between words; its first line after `first` blanks, the others after
 * `further`. */
void page_wrap(struct page *p, enum style style, size_t first, size_t further, const char *text);
/* Flushes; frees. -1 with err when the file refused something. */
int page_end(struct page *p, struct err *err);

#endif
