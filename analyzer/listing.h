/*
 * listing.h - functions line by line: what was allocated in each line of the source, and in what
 * the line calls; functions that the compiler inlined there stand below the line: listing.c.
 */
#ifndef OUTLIVE_LISTING_H
#define OUTLIVE_LISTING_H

#include "source.h"
#include "sums.h"

/* A function that was inlined at a line, or at a line of another inlined one (within). */
struct inlined {
	uint32_t within; /* index into inlined[] of its listing, or LISTING_NONE */
	uint32_t depth;  /* 0: right below the line */
	const char *function, *file;
	uint32_t number; /* line of its own that allocates or calls */
	int64_t flat[N_COLUMNS], cum[N_COLUMNS];
};
#define LISTING_NONE UINT32_MAX

struct listed_line {
	uint32_t number; /* 0: of this call the line is not known */
	int64_t flat[N_COLUMNS], cum[N_COLUMNS];
	uint32_t *inlined; /* indices into inlined[]; those within another one behind it */
	uint32_t n_inlined, cap_inlined;
};
struct listing {
	const struct sum *sum; /* the function */
	struct listed_line *line;
	uint32_t n_lines, cap_lines; /* ascending */
	struct inlined *inlined;
	uint32_t n_inlined, cap_inlined;
	struct source source; /* not there: source.n_lines is 0 */
};
struct listings {
	const struct sums *sums;
	struct listing *at; /* ranked as sums are */
	uint32_t n, n_more; /* n_more: picked functions that were left out */
};

struct listing_options {
	size_t n;                /* functions at most, 0 all */
	const char *source_path; /* folders, joined by ':'; or NULL */
	enum column sort;
	bool churn, raw; /* as the sums were made */
};
/* Of the picked sums (by function) that hold something in the column. listings_free() it, before
 * the sums. */
struct listings *listings_make(const struct sums *sums, const struct listing_options *o);
void listings_free(struct listings *l);

#endif
