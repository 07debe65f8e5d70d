/*
 * estimate.h - how far the figures of sampled snapshots can be trusted: the standard error of each
 * row, and which rows say no more than chance does. Everything here is 0 or false for snapshots
 * that counted every event.
 */
#ifndef OUTLIVE_ESTIMATE_H
#define OUTLIVE_ESTIMATE_H

#include "profile.h"

/* Of one row: sums of struct sampled over the samples of B, and of A. */
struct estimate {
	uint64_t samples; /* that B has seen made; a diff of one run: since A */
	double made[2], freed[2], base_made[2], base_freed[2];
};
void estimate_add(struct estimate *e, const struct sampled *s, bool base, bool same_run);

/* The standard error of r->value[c]. */
double row_error(const struct profile *p, const struct row *r, enum column c);
/* True when the value is not larger than two standard errors: chance alone makes such rows. */
bool row_is_noise(const struct profile *p, const struct row *r, enum column c);
/* True when figures of p are estimates. */
bool profile_is_sampled(const struct profile *p);
/* "3 %" of the value, "0.4 %", "-" where there is nothing to be a share of. */
const char *error_percent(char buf[32], double error, int64_t value);

#endif
