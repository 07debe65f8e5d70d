/*
 * out.h - writers. Each takes a profile and a FILE and reads nothing else (no files, no
 * environment). 0, or -1 with err when the FILE refuses (disk full).
 */
#ifndef OUTLIVE_OUT_H
#define OUTLIVE_OUT_H

#include "hints.h"
#include "sums.h"

struct out_options {
	size_t n;       /* rows at most, 0 all */
	unsigned width; /* columns of the terminal, 0: no limit (a pipe) */
	bool color;
	bool churn; /* show the churn rows too */
	bool wide;
	bool raw;
	bool callers; /* all of them */
	enum column sort;
	const char *counted; /* a profile_of_counts(): of what ("threads"); NULL: of the heap */
	struct kinds *kinds; /* a diff: what grew beside the heap; NULL: nothing is said of it */
	enum sum_by by;      /* what a row is; not by stack: the writers of out_sums.h */
	const struct hints *hints; /* NULL: none */
	bool cum;                  /* groups are ranked by cum */
};

int out_text_top(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
int out_text_diff(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
int out_json_top(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
int out_json_diff(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
/*
 * For other tools. p is one snapshot (p->a is NULL); every row of it is written, whatever o->n
 * says. Stacks begin at the row's site, as in `top`: the wrappers above it are left out unless
 * o->raw.
 */
/* gzip profile.proto, Go's four sample types in Go's order; o->sort is what pprof shows first. With
 * o->counted one sample type of that name. p may be a difference of two snapshots of one run: what
 * was made, and by how much what lives has become more, or less. */
int out_pprof(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
/* One line a stack: "outer;inner value", the value being o->sort's; stacks without any are left
 * out. */
int out_folded(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
/* speedscope's own format: a profile for each column, or with o->counted one. */
int out_speedscope(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
/* A still flame graph of o->sort. p may be a difference: red grows, blue shrinks; made with
 * profile_options.unchanged, so that what stays is there, too. */
int out_svg(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);

#endif
