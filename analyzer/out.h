/*
 * out.h - writers. Each takes a profile and a FILE and reads nothing else (no files, no environment).
 * 0, or -1 with err when the FILE refuses (disk full).
 */
#ifndef OUTLIVE_OUT_H
#define OUTLIVE_OUT_H

#include "profile.h"

struct out_options {
	size_t n;      /* rows at most, 0 all */
	unsigned width; /* columns of the terminal, 0: no limit (a pipe) */
	bool color;
	bool churn; /* show the churn rows too */
	bool wide;
	bool raw;
	enum column sort;
};

int out_text_top(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
int out_text_diff(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
int out_json_top(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
int out_json_diff(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
/* gzip profile.proto, Go's four sample types in Go's order. s must be symbolized. */
int out_pprof(FILE *f, const struct snapshot *s, struct err *err);
/* One line a stack: "outer;inner value". */
int out_folded(FILE *f, const struct snapshot *s, enum column column, struct err *err);

#endif
