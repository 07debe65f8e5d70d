/*
 * out_list.h - writers of annotated source: out_list.c. As in out.h.
 */
#ifndef OUTLIVE_OUT_LIST_H
#define OUTLIVE_OUT_LIST_H

#include "listing.h"
#include "out.h"

int out_text_list(FILE *f, const struct listings *l, const struct out_options *o, struct err *err);
int out_json_list(FILE *f, const struct listings *l, const struct out_options *o, struct err *err);

#endif
