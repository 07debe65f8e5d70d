/*
 * out_details.c - sizes, temporaries, lifetimes and ages of one row: as lines for people, as JSON.
 * Lifetimes (of what was freed) come in powers of two, so they are "at most so long"; ages (of what
 * lives) are "at least".
 */
#include "out_details.h"

/* Bytes a block, of those that were made. */
static uint64_t size_avg(const struct profile *p, const struct row *r)
{
	int64_t blocks = row_born(p, r, ALLOC_OBJECTS), bytes = row_born(p, r, ALLOC_SPACE);

	return blocks > 0 && bytes > 0 ? (uint64_t)(bytes / blocks) : 0;
}

uint64_t out_details_lifetime_ns(const struct row *r, unsigned permille)
{
	return UINT64_C(1) << (histogram_quantile(&r->lifetimes, permille) + FMT_TICK_SHIFT);
}

uint64_t out_details_age_ns(const struct histogram *h, unsigned permille)
{
	uint64_t ticks = fmt_fine_floor(histogram_quantile(h, permille));

	return ticks > UINT64_MAX >> FMT_TICK_SHIFT ? UINT64_MAX : ticks << FMT_TICK_SHIFT;
}

/* ---- text ---- */

static void print(struct page *page, struct str *s)
{
	if (s->data) {
		page_pad(page, 10);
		page_add(page, STYLE_DIM, s->data);
		page_end_line(page);
	}
	str_free(s);
}

/* "under 4.2 ms", "20.0 s" */
static const char *age(char buf[48], uint64_t ns)
{
	char text[32];

	snprintf(buf, 48, "%s%s", ns ? "" : "under ",
	         human_ns(text, ns ? ns : UINT64_C(1) << FMT_TICK_SHIFT));
	return buf;
}

void out_details_survivors(struct page *page, const struct profile *p, const struct row *r)
{
	struct histogram h = row_survivors(p, r);
	uint64_t n = 0;
	char half[48], oldest[48];
	struct str s = {0};

	for (uint32_t i = 0; i < h.n; i++)
		n = addu_sat(n, h.at[i].blocks);
	if (!n)
		return;
	uint64_t middle = out_details_age_ns(&h, 500), most = out_details_age_ns(&h, 1000);
	/* How many is in the columns; near A the ages are too coarse to count by. */
	str_addf(&s, "%salive: ", p->same_run ? "made since A, " : "");
	if (n > 1 && middle != most)
		str_addf(&s, "half for %s or more, the oldest for %s", age(half, middle),
		         age(oldest, most));
	else
		str_addf(&s, "for %s", age(oldest, most));
	print(page, &s);
}

void out_details(struct page *page, const struct profile *p, const struct row *r)
{
	char a[32], b[32], c[32], d[32];
	struct str s = {0};
	uint64_t avg = size_avg(p, r);

	if (r->size_max)
		str_addf(&s,
		         r->size_min == r->size_max ? "all of %s" : "sizes %s to %s, %s on average",
		         human_bytes(a, (int64_t)r->size_min), human_bytes(b, (int64_t)r->size_max),
		         avg ? human_bytes(c, (int64_t)avg) : "unknown");
	if (r->temporary)
		str_addf(&s, "%s%s freed before the thread's next allocation", s.len ? "; " : "",
		         human_count(a, (int64_t)r->temporary));
	print(page, &s);
	if (r->lifetimes.n)
		str_addf(&s, "freed after at most %s (half), %s (90 %%), %s (99 %%), %s (all)",
		         human_ns(a, out_details_lifetime_ns(r, 500)),
		         human_ns(b, out_details_lifetime_ns(r, 900)),
		         human_ns(c, out_details_lifetime_ns(r, 990)),
		         human_ns(d, out_details_lifetime_ns(r, 1000)));
	print(page, &s);
}

/* ---- JSON ---- */

static const struct {
	const char *name;
	unsigned permille;
} quantile[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"max", 1000}};
enum { QUANTILES = sizeof(quantile) / sizeof(*quantile) };

void out_details_json(json_t *o, const struct profile *p, const struct row *r)
{
	struct histogram ages = row_survivors(p, r);
	json_t *life = json_object(), *alive = json_object();
	uint64_t avg = size_avg(p, r);

	for (int i = 0; i < QUANTILES; i++) {
		json_object_set_new(life, quantile[i].name,
		                    r->lifetimes.n ? document_number(out_details_lifetime_ns(
		                                             r, quantile[i].permille))
		                                   : json_null());
		json_object_set_new(
		        alive, quantile[i].name,
		        ages.n ? document_number(out_details_age_ns(&ages, quantile[i].permille))
		               : json_null());
	}
	json_object_set_new(o, "size_min", document_number(r->size_min));
	json_object_set_new(o, "size_avg", avg ? document_number(avg) : json_null());
	json_object_set_new(o, "size_max", document_number(r->size_max));
	json_object_set_new(o, "lifetime_ns", life);
	json_object_set_new(o, "age_ns", alive);
}
