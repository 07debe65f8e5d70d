/*
 * residue.h - what a process has left behind: threads, timers and descriptors that are leaks and
 * that no rule excuses, and the largest of its heap. residue.c.
 */
#ifndef OUTLIVE_RESIDUE_H
#define OUTLIVE_RESIDUE_H

#include "kinds.h"
#include "out.h"

/* Of the heap: all that was allocated at one line of code, whoever called it. */
struct residue_site {
	const struct location *location; /* NULL: no stack known */
	uint32_t line;                   /* of its line[] */
	size_t row;                      /* the largest of its rows */
	int64_t objects, space;
};

struct residue {
	struct kinds *kinds;
	struct profile *profile;   /* ranked by inuse_space */
	struct residue_site *site; /* most space first; without what rules excuse */
	size_t n_sites;
	int64_t known_objects, known_space; /* of the heap, that rules excuse */
	uint64_t known_things;              /* of the rest */
};

/* s is symbolized; it and the rules live as long as *out. o: focus, ignore, raw. */
int residue_make(struct snapshot *s, const struct rules *rules, const struct profile_options *o,
                 struct residue **out, struct err *err);
void residue_free(struct residue *r);
/* Threads, timers, descriptors and bad closes that are left over. */
uint64_t residue_findings(const struct residue *r);
/* out_residue.c. path: of the snapshot, as it is to be typed. o->n rows a table. */
int out_text_residue(FILE *f, struct residue *r, const char *path, const struct out_options *o,
                     struct err *err);
int out_json_residue(FILE *f, struct residue *r, const struct out_options *o, struct err *err);

/* For `run`: gives s its names, and writes the tables, five rows each. -1 with err. */
int residue_summary(FILE *f, struct snapshot *s, const char *path, struct err *err);

#endif
