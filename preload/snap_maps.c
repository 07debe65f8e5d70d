/*
 * snap_maps.c - the program's own mappings into records: sites of kind FMT_KIND_MMAP. Context: the
 * snapshot child (snap.h), while all threads go on; figures are copied in an order that keeps sums
 * from going negative, as in snap_tally.c.
 */
#include <string.h>

#include "map.h"
#include "snap.h"
#include "stack.h"
#include "sys.h"

struct site_tally {
	uint64_t frees, bytes_freed, live_bytes;
	uint32_t live, first; /* mappings, linked through `next` */
};

struct tally {
	struct site_tally *site; /* [sites + 1] */
	uint32_t *next;          /* [mappings + 1]; NULL: no memory, no ages */
	uint32_t sites, mappings;
};

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)

static void count(struct tally *t)
{
	struct map_view v;

	for (uint32_t i = 1; i <= t->sites; i++) {
		const struct map_site *s = map_site_get(i);

		t->site[i].frees = LOAD(s->frees);
		t->site[i].bytes_freed = LOAD(s->bytes_freed);
	}
	for (uint32_t i = 1; i <= t->mappings; i++) {
		if (!map_get(i, &v) || v.site > t->sites)
			continue;
		t->site[v.site].live++;
		t->site[v.site].live_bytes += v.bytes;
		if (!t->next)
			continue;
		t->next[i] = t->site[v.site].first;
		t->site[v.site].first = i;
	}
}

static void put_ages(struct snap_out *o, const struct tally *t, uint32_t site, uint32_t now)
{
	struct {
		uint32_t blocks;
		uint64_t bytes;
	} age[256];
	unsigned n = 0;
	struct map_view v;

	memset(age, 0, sizeof(age));
	for (uint32_t i = t->site[site].first; i; i = t->next[i]) {
		if (!map_get(i, &v))
			continue;
		unsigned b = fmt_fine_bucket(now > v.birth ? now - v.birth : 0);

		n += !age[b].blocks++;
		age[b].bytes += v.bytes;
	}
	snap_u(o, n);
	for (unsigned b = 0; b < 256; b++) {
		if (!age[b].blocks)
			continue;
		snap_u(o, b);
		snap_u(o, age[b].blocks);
		snap_u(o, age[b].bytes);
	}
}

static void put_lifetimes(struct snap_out *o, const struct map_site *s, uint64_t frees)
{
	uint32_t n = 0, number[FMT_AGE_BUCKETS];

	/* What is read later may be more. */
	for (unsigned b = 1; b < FMT_AGE_BUCKETS; b++) {
		number[b] = LOAD(s->lifetimes[b]);
		if (number[b] > frees)
			number[b] = (uint32_t)frees;
		frees -= number[b];
		n += number[b] != 0;
	}
	snap_u(o, n);
	for (unsigned b = 1; b < FMT_AGE_BUCKETS; b++) {
		if (!number[b])
			continue;
		snap_u(o, b);
		snap_u(o, number[b]);
	}
}

static void put_site(struct snap_out *o, const struct tally *t, uint32_t i, uint32_t now,
                     const struct snap_bounds *have)
{
	const struct map_site *s = map_site_get(i);
	const struct site_tally *v = &t->site[i];
	uint64_t allocs = LOAD(s->allocs);

	if (!(allocs | v->frees | v->live))
		return;
	snap_item(o);
	snap_put_node(o, have, s->stack);
	snap_u(o, FMT_KIND_MMAP);
	snap_u(o, s->context <= have->contexts ? s->context : 0);
	snap_u(o, allocs);
	snap_u(o, LOAD(s->bytes));
	snap_u(o, v->frees);
	snap_u(o, v->bytes_freed);
	snap_u(o, 0);
	snap_u(o, LOAD(s->size_min));
	snap_u(o, LOAD(s->size_max));
	snap_u(o, v->live);
	snap_u(o, v->live_bytes);
	put_lifetimes(o, s, v->frees);
	put_ages(o, t, i, now);
}

void snap_maps(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have)
{
	struct tally t = {.sites = have->map_sites, .mappings = map_count()};

	if (!t.sites)
		return;
	t.site = snap_scratch((t.sites + 1) * sizeof(*t.site));
	if (!t.site)
		return;
	t.next = snap_scratch((t.mappings + 1) * sizeof(*t.next));
	count(&t);
	snap_record(o, FMT_SITE);
	for (uint32_t i = 1; i <= t.sites; i++)
		put_site(o, &t, i, j->tick, have);
	snap_record_end(o);
	snap_scratch_free(t.next);
	snap_scratch_free(t.site);
}
