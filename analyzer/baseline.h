/*
 * baseline.h - what a project knows of and has not repaired yet: a file in its repository, by which
 * a check accepts what is in there and fails on what is new or more. baseline.c.
 */
#ifndef OUTLIVE_BASELINE_H
#define OUTLIVE_BASELINE_H

#include "findings.h"

struct baseline;

/* The empty one, for a file that is to be made. */
struct baseline *baseline_new(void);
/* -1 with err, which names the place, when it cannot be read or is no baseline. *out is NULL then.
 */
int baseline_load(const char *path, struct baseline **out, struct err *err);
/* Sets `known` of those findings of f that are in there and have not grown, and `base` of those
 * that have. Call findings_finish() afterwards. */
void baseline_apply(struct baseline *b, struct findings *f);
/* Entries that were applied to nothing, or to less than they hold. */
size_t baseline_stale(const struct baseline *b);
/*
 * What the file should be after f: entries that no longer occur are gone, those that have become
 * less say so; grow: new ones and larger ones are in there, too.
 */
void baseline_update(struct baseline *b, struct findings *f, bool grow);
/* As text, sorted: what changes in a repository is what changed. Appended. */
void baseline_text(const struct baseline *b, struct str *out);
void baseline_free(struct baseline *b);

#endif
