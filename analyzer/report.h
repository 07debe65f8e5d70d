/*
 * report.h - all that one page shows of a process, gathered for out_html(): report.c.
 */
#ifndef OUTLIVE_REPORT_H
#define OUTLIVE_REPORT_H

#include "hints.h"
#include "history.h"
#include "kinds.h"
#include "listing.h"

struct report_options {
	struct profile_options profile;
	const struct rules *rules; /* leaks that they excuse are none; or NULL */
	const char *source_path;   /* as for a listing; or NULL */
	size_t n_sources;          /* functions whose source is shown, 0 all */
	bool no_source;            /* open no source file, look for no hints */
};
struct report {
	struct profile *profile;
	struct kinds *kinds;
	struct sums *sums;
	struct listings *listings; /* NULL: without source */
	struct hints hints;
	const struct history *history; /* not ours */
	const char
	        *nonce; /* what a server's Content-Security-Policy lets the script run by; NULL */
	bool raw;
};

/*
 * Of b, against a (or NULL); both symbolized. They, the rules and the history live as long as *r.
 * -1 with err. report_free() in either case.
 */
int report_make(struct snapshot *a, struct snapshot *b, const struct history *history,
                const struct report_options *o, struct report *r, struct err *err);
void report_free(struct report *r);

/* out_html.c: the page, whole and on its own. A writer as in out.h. */
int out_html(FILE *f, const struct report *r, struct err *err);

#endif
