/*
 * report.c - gathers what the page shows. Owns profile, kinds and listings of it; writes nothing.
 */
#include "report.h"

#include "dpkg.h"

int report_make(struct snapshot *a, struct snapshot *b, const struct history *history,
                const struct report_options *o, struct report *r, struct err *err)
{
	struct sum_options sums = {
	        .by = SUM_FUNCTION, .sort = o->profile.sort, .cum = true, .raw = o->profile.raw};
	struct hint_options hints = {
	        .rows = 10, .sort = o->profile.sort, .raw = o->profile.raw, .lists = DPKG_LISTS};

	struct profile_options all = o->profile;

	all.unchanged = true;
	*r = (struct report){.history = history, .raw = o->profile.raw};
	if ((a ? profile_diff(a, b, &all, &r->profile, err)
	       : profile_top(b, &o->profile, &r->profile, err)) ||
	    kinds_make(a, b, &(struct kinds_options){.profile = &o->profile, .rules = o->rules},
	               &r->kinds, err))
		return -1;
	if (o->no_source)
		return 0;
	hints_find(r->profile, &hints, &r->hints);
	r->sums = sums_make(r->profile, &sums);
	sums_pick(r->sums, NULL, NULL);
	r->listings =
	        listings_make(r->sums, &(struct listing_options){.n = o->n_sources,
	                                                         .source_path = o->source_path,
	                                                         .sort = o->profile.sort,
	                                                         .churn = true,
	                                                         .raw = o->profile.raw});
	return 0;
}

void report_free(struct report *r)
{
	listings_free(r->listings);
	sums_free(r->sums);
	hints_free(&r->hints);
	kinds_free(r->kinds);
	profile_free(r->profile);
	*r = (struct report){0};
}
