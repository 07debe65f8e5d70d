/*
 * estimate.c - standard errors of sampled figures. Owns nothing; reads what profile.c has summed
 * up.
 *
 * A block is recorded with probability p, whatever happens to others, and then counts for 1 / p.
 * The variance of a sum of such blocks is the sum of (1 - p) / p^2 over those recorded; snapshots
 * carry it for all blocks made, and for all freed. What lives has their difference, for a block is
 * freed with the weight that it was made with.
 */
#include "estimate.h"

#include <math.h>

enum { OBJECTS, SPACE };

void estimate_add(struct estimate *e, const struct sampled *s, bool base, bool same_run)
{
	if (!base)
		e->samples = addu_sat(e->samples, s->made);
	else if (same_run)
		e->samples = e->samples > s->made ? e->samples - s->made : 0;
	for (int i = 0; i < 2; i++) {
		*(base ? &e->base_made[i] : &e->made[i]) += s->variance_made[i];
		*(base ? &e->base_freed[i] : &e->freed[i]) += s->variance_freed[i];
	}
}

bool profile_is_sampled(const struct profile *p)
{
	return p->estimate != NULL;
}

double row_error(const struct profile *p, const struct row *r, enum column c)
{
	const struct estimate *e = p->estimate ? &p->estimate[r->number] : NULL;
	int i = c == ALLOC_SPACE || c == INUSE_SPACE ? SPACE : OBJECTS;

	if (!e)
		return 0;
	double made = e->made[i] - e->base_made[i], freed = e->freed[i] - e->base_freed[i];
	double live = e->made[i] - e->freed[i] + e->base_made[i] - e->base_freed[i], variance;
	if (c == ALLOC_SPACE || c == ALLOC_OBJECTS)
		variance = p->same_run ? made : e->made[i] + e->base_made[i];
	else
		/* Blocks that were made and freed since A are in both of the first, those that live
		 * from before A to after B in both parts of the second: neither is in the
		 * difference. */
		variance = p->same_run ? fmin(made + freed, live) : live;
	return sqrt(fmax(variance, 0));
}

bool row_is_noise(const struct profile *p, const struct row *r, enum column c)
{
	double error = row_error(p, r, c);

	return error > 0 && fabs((double)r->value[c]) <= 2 * error;
}

const char *error_percent(char buf[32], double error, int64_t value)
{
	double percent = value ? error * 100 / fabs((double)value) : 0;

	if (!value)
		return "-";
	if (percent >= 1000)
		return ">999 %";
	snprintf(buf, 32, percent > 0 && percent < 9.95 ? "%.1f %%" : "%.0f %%", percent);
	return buf;
}
