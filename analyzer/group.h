/*
 * group.h - a profile summed otherwise than by stack: by function, by source line, by module, by
 * thread; and who calls whom: group.c.
 */
#ifndef OUTLIVE_GROUP_H
#define OUTLIVE_GROUP_H

#include "profile.h"

enum group_by { GROUP_STACK, GROUP_FUNCTION, GROUP_LINE, GROUP_MODULE, GROUP_THREAD, N_GROUP_BY };
extern const char *const group_by_name[N_GROUP_BY];
int group_by_parse(const char *name, enum group_by *out, struct err *err);

/* What is unknown, or not what is grouped by, is NULL or 0. */
struct group {
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
struct group_edge {
	uint32_t caller, callee;
	int64_t value[N_COLUMNS];
};
struct groups {
	const struct profile *p;
	enum group_by by;
	struct group *at; /* ranked */
	uint32_t n;
	struct group_edge *edge;
	uint32_t n_edges;
	int64_t total[N_COLUMNS]; /* of all rows that were summed */
};
struct group_options {
	enum group_by by; /* not GROUP_STACK */
	enum column sort;
	bool cum;   /* rank by cum, not by flat */
	bool churn; /* a diff: the rows that are churn, too */
	bool edges; /* not by thread */
	bool raw;
};

/* All are picked. By thread needs profile_options.samples. groups_free() it, before p. */
struct groups *groups_make(const struct profile *p, const struct group_options *o);
/* Marks what a pattern matches in its function or file; all when it is NULL. Returns how many;
 * -1 with err for a pattern that is none. */
int groups_pick(struct groups *g, const char *pattern, struct err *err);
void groups_free(struct groups *g);

#endif
