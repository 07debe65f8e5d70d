/*
 * hide.h - frames that are taken out of stacks before anything is grouped: hide.c.
 */
#ifndef OUTLIVE_HIDE_H
#define OUTLIVE_HIDE_H

#include "profile.h"

/*
 * As in pprof: o->hide takes matching functions out of all stacks (of a chain of inlined functions
 * those that match); o->show_from then cuts each stack above its outermost match. Changes s.
 * *shown is by stack, NULL when all are (made if need be): 0 for those of which nothing stays.
 * -1 with err for a pattern that is none.
 */
int hide_frames(struct snapshot *s, const struct profile_options *o, uint8_t **shown,
                struct err *err);

#endif
