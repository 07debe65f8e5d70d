/*
 * notes.h - the words above a table: what it shows, and what to beware of. notes.c.
 */
#ifndef OUTLIVE_NOTES_H
#define OUTLIVE_NOTES_H

#include "out.h"
#include "page.h"

void notes_top_heading(struct page *page, const struct profile *p, const struct out_options *o);
/* With its warnings. */
void notes_diff_heading(struct page *page, const struct profile *p, const struct out_options *o);
/* Losses and what else makes a snapshot less than the truth; nothing when all is well. */
void notes_warnings(struct page *page, const struct snapshot *s);
/* What of `families` (FMT_FAMILY_*, or'ed) is not in the snapshot because nobody wanted it. */
void notes_left_out(struct page *page, const struct snapshot *s, uint64_t families);
/* "threads, timers, descriptors: " and what is said of them, of those that are recorded. */
void notes_other_kinds(struct page *page, const struct snapshot *s, const char *said);
void notes_unmatched(struct page *page, const struct profile *p);
/* A line: who, which snapshot it is, of when. */
void notes_moment(struct page *page, const struct snapshot *s);
/* Closing lines. */
void notes_hints(struct page *page, const struct out_options *o);
/* The closing line of a diff: what was folded; nothing when there was none. */
/* What is not ranked because chance alone makes such rows. */
void notes_noise(struct page *page, const struct profile *p, const struct out_options *o);
void notes_churn(struct page *page, const struct profile *p, const struct out_options *o);
/* A line: "redis-server (pid 4711)" and more. */
void notes_who(struct page *page, const struct snapshot *s, const char *more);

#endif
