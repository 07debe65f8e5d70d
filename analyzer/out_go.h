/*
 * out_go.h - profiles in the text that Go programs print for ?debug=1: out_go.c. Writers as in
 * out.h; `go tool pprof` reads it, too.
 */
#ifndef OUTLIVE_OUT_GO_H
#define OUTLIVE_OUT_GO_H

#include "out.h"

int out_go_heap(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);
/* p is a profile_of_counts(); `name` is Go's ("threadcreate"). */
int out_go_counts(FILE *f, const struct profile *p, const char *name, const struct out_options *o,
                  struct err *err);

#endif
