/*
 * gate_words.h - a finding in words, the same in every report: gate_words.c.
 */
#ifndef OUTLIVE_GATE_WORDS_H
#define OUTLIVE_GATE_WORDS_H

#include "findings.h"

/* All append to s. */

/* "heap lost: 3 blocks, 3.0 kB - nothing points to them any more" */
void gate_title(struct str *s, const struct finding *f);
/* "3 threads" */
void gate_things(struct str *s, enum finding_kind kind, uint64_t n);
/* "2 threads, 1 descriptor": what counts, by kind. */
void gate_amounts(struct str *s, const struct findings *all);
/* "server (pid 7), client (pid 8) and 3 more processes" */
void gate_processes(struct str *s, const struct findings *all, const struct finding *f);
/* "outlive threads FILE": the command that shows more; false, and nothing, where no file is. */
bool gate_more(struct str *s, const struct findings *all, const struct finding *f);
/* A frame: "make_cache (cache.c:12)", "libx.so+0x123". */
void gate_frame(struct str *s, const struct finding_frame *f);
/* The verdict as a sentence without "outlive: check: ". */
void gate_verdict(struct str *s, const struct findings *all);
/* The user's own frame; NULL when no stack is known. */
const struct finding_frame *gate_site(const struct finding *f);
const char *gate_base_name(const char *path);

#endif
