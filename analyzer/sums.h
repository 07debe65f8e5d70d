/*
 * sums.h - a profile summed otherwise than by stack: by function, by source line, by module, by
 * thread; and who calls whom: sums.c.
 */
#ifndef OUTLIVE_SUMS_H
#define OUTLIVE_SUMS_H

#include "profile.h"

enum sum_by { SUM_STACK, SUM_FUNCTION, SUM_LINE, SUM_MODULE, SUM_THREAD, N_SUM_BY };
extern const char *const sum_by_name[N_SUM_BY];
int sum_by_parse(const char *name, enum sum_by *out, struct err *err);

/* What is unknown, or not what is grouped by, is NULL or 0. */
struct sum {
	const char *function, *linkage, *file;
	uint32_t number; /* of the source line */
	uint32_t start;  /* first line of the function */
	const struct module *module;
	uint64_t address; /* of a frame without a name, in its module */
	const struct thread_group *thread;
	/* flat: where it is the site; cum: where it is anywhere in the stack, once a stack. */
	int64_t flat[N_COLUMNS], cum[N_COLUMNS];
	uint64_t frees, bytes_freed;
	int64_t born; /* bytes allocated that may have been freed: what bytes_freed is a share of */
	uint32_t n_stacks;
	bool picked;
};
struct sum_edge {
	uint32_t caller, callee;
	int64_t value[N_COLUMNS];
};
struct sums {
	const struct profile *p;
	enum sum_by by;
	struct sum *at; /* ranked */
	uint32_t n;
	struct sum_edge *edge;
	uint32_t n_edges;
	int64_t total[N_COLUMNS]; /* of all rows that were summed */
};
struct sum_options {
	enum sum_by by; /* not SUM_STACK */
	enum column sort;
	bool cum;   /* rank by cum, not by flat */
	bool churn; /* a diff: the rows that are churn, too */
	bool edges; /* not by thread */
	bool raw;
};

/* All are picked. By thread needs profile_options.samples. sums_free() it, before p. */
struct sums *sums_make(const struct profile *p, const struct sum_options *o);
/* Marks what a pattern matches in its function or file; all when it is NULL. Returns how many;
 * -1 with err for a pattern that is none. */
int sums_pick(struct sums *g, const char *pattern, struct err *err);
void sums_free(struct sums *g);

#endif
