/*
 * snap_tally.c - copies the sites' counters at one moment and sums the live table by site and by
 * age. Context: the snapshot child (snap.h), while all threads go on counting; so what is read
 * first decides whether sums can go negative: frees of all sites, then allocations of all sites.
 *
 * Memory is bounded whatever the program does: about 56 bytes a site for at most a million sites at
 * a time (more are done in several walks), and one hash of (site, age) of at most 64 MB. Where not
 * even that can be had (RLIMIT_AS), a small reserve does, without ages. A program with one thread
 * has one site a stack: no two portions share a stack, and they are small where a walk is short.
 */
#include <string.h>

#include "context.h"
#include "live.h"
#include "snap.h"

#define SITES_AT_ONCE (1u << 20)
#define PORTION_BYTES (1u << 23) /* or a quarter of what is walked */
#define SITES_NEW     (1u << 14) /* that may come while the table is read */
#define RESERVE       1024
#define AGES_LEAST    (1u << 8)
#define AGES_FIRST    (1u << 11)
#define AGES_MAX      (1u << 22) /* a slot's number must fit 24 bits */

_Static_assert(SITES_AT_ONCE < 1u << 24, "a site's number and a bucket share 32 bits");

static struct snap_site g_reserve[RESERVE];

static uint32_t sites_at_once(void)
{
	uint64_t bytes = live_bytes_used() / 4;

	if (context_count() > 1 || snap_reach_is_there())
		return SITES_AT_ONCE;
	bytes = (bytes > PORTION_BYTES ? bytes : PORTION_BYTES) / sizeof(struct snap_site);
	return bytes < SITES_AT_ONCE ? (uint32_t)bytes : SITES_AT_ONCE;
}

/* Its slots are met in no order: each page of it is touched for a program's first hundred blocks,
 * which is what most processes of a test suite have. */
static uint32_t first_ages(uint32_t sites)
{
	uint32_t slots = AGES_LEAST;

	while (slots < AGES_FIRST && slots < sites)
		slots *= 2;
	return slots;
}

/* Each slot is looked at before it is written: that would be two faults a page. */
static struct snap_age *new_ages(uint32_t slots)
{
	struct snap_age *ages = snap_scratch(slots * sizeof(*ages));

	if (ages)
		sys_populate(ages, slots * sizeof(*ages));
	return ages;
}

void snap_tally_begin(struct snap_tally *t, uint32_t sites, uint32_t tick)
{
	uint32_t most = sites_at_once(), n = sites + SITES_NEW < most ? sites + SITES_NEW : most;

	*t = (struct snap_tally){.tick = tick};
	for (; n > RESERVE && !t->sites; n = t->sites ? n : n / 2)
		t->sites = snap_scratch((size_t)n * sizeof(*t->sites));
	t->room = t->sites ? n : RESERVE;
	if (!t->sites)
		t->sites = g_reserve;
	t->is_used = t->sites == g_reserve;
	if (g_sample_period)
		t->weights = snap_scratch(t->room * sizeof(*t->weights));
	if (snap_reach_is_there())
		t->reach = snap_scratch((size_t)t->room * sizeof(*t->reach));
	t->age_slots = first_ages(sites);
	t->ages = new_ages(t->age_slots);
	if (!t->ages)
		t->age_slots = 0;
}

void snap_tally_end(struct snap_tally *t)
{
	if (t->sites != g_reserve)
		snap_scratch_free(t->sites);
	snap_scratch_free(t->weights);
	snap_scratch_free(t->reach);
	snap_scratch_free(t->ages);
}

struct snap_weight snap_tally_live(const struct snap_tally *t, const struct snap_site *s)
{
	const struct snap_weight *w = t->weights ? &t->weights[s - t->sites] : NULL;

	if (w)
		return (struct snap_weight){sample_blocks(w->objects), w->bytes};
	return (struct snap_weight){s->live_blocks, s->live_bytes};
}

/* ---- (site, bucket) to blocks and bytes: open addressing ---- */

static uint32_t age_home(uint32_t slots, uint32_t key)
{
	return key * 0x9E3779B1u >> (__builtin_clz(slots) + 1);
}

static struct snap_age *age_slot(struct snap_age *ages, uint32_t slots, uint32_t key)
{
	uint32_t i = age_home(slots, key);

	while (ages[i].key && ages[i].key != key)
		i = (i + 1) & (slots - 1);
	return &ages[i];
}

static bool grow(struct snap_tally *t)
{
	uint32_t slots = t->age_slots * 2;
	struct snap_age *ages = slots <= AGES_MAX ? new_ages(slots) : NULL;

	if (!ages)
		return false;
	for (uint32_t i = 0; i < t->age_slots; i++)
		if (t->ages[i].key)
			*age_slot(ages, slots, t->ages[i].key) = t->ages[i];
	snap_scratch_free(t->ages);
	t->ages = ages;
	t->age_slots = slots;
	return true;
}

static void add_age(struct snap_tally *t, uint32_t key, uint64_t bytes)
{
	struct snap_age *a = age_slot(t->ages, t->age_slots, key);

	if (!a->key) {
		if (t->n_ages >= t->age_slots / 4 * 3) {
			if (!grow(t))
				return; /* this block shows in its site's totals only */
			a = age_slot(t->ages, t->age_slots, key);
		}
		a->key = key;
		t->n_ages++;
	}
	a->blocks++;
	a->bytes += bytes;
}

/*
 * Neighbours in memory come from anywhere in the program: each block is a miss in both tables, of
 * which many can be under way at once if they are asked for ahead.
 */
#define AHEAD 32u

struct walk {
	struct snap_tally *tally;
	uint32_t seen;
	struct snap_age waiting[AHEAD];
};

static void add_block(struct snap_tally *t, const struct snap_age *a)
{
	struct snap_site *s = &t->sites[(a->key >> 8) - 1];

	s->live_blocks++;
	s->live_bytes += a->bytes;
	if (t->ages)
		add_age(t, a->key, a->bytes);
}

static void see_sample(struct snap_tally *t, uint64_t size, uint32_t i)
{
	struct sample_weight w;

	sample_weigh(size, &w);
	t->blocks += w.objects;
	t->bytes += w.bytes;
	if (!t->weights || i >= t->count)
		return;
	t->weights[i].objects += w.objects;
	t->weights[i].bytes += w.bytes;
}

static void see_block(uintptr_t address, const struct block *b, void *arg)
{
	struct walk *w = arg;
	struct snap_tally *t = w->tally;
	uint32_t i = b->site - t->first;

	if (likely(!g_sample_period)) {
		t->blocks++;
		t->bytes += b->size;
	} else {
		see_sample(t, b->size, i);
	}
	if (i >= t->count)
		return;
	if (t->reach)
		snap_reach_add(&t->reach[i], address, b);
	struct snap_age *next = &w->waiting[w->seen++ % AHEAD];
	if (w->seen > AHEAD)
		add_block(t, next);
	/* Ticks are of 4 ms, and the block may be from after the beginning. */
	uint32_t age = t->tick > b->birth ? t->tick - b->birth : 0;
	next->key = (i + 1) << 8 | fmt_fine_bucket(age);
	next->bytes = b->size;
	__builtin_prefetch(&t->sites[i].live_bytes, 1);
	if (t->ages)
		__builtin_prefetch(&t->ages[age_home(t->age_slots, next->key)], 1);
}

static void walk_live(struct snap_tally *t)
{
	struct walk w;

	w.tally = t;
	w.seen = 0;
	live_walk(see_block, &w);
	uint32_t left = w.seen < AHEAD ? w.seen : AHEAD;
	for (uint32_t i = 0; i < left; i++)
		add_block(t, &w.waiting[i]);
}

/* From a hash to a list for each site, in place: the site's number gives way to the next entry's.
 */
static void link_ages(struct snap_tally *t)
{
	for (uint32_t i = 0; i < t->age_slots; i++) {
		struct snap_age *a = &t->ages[i];

		if (!a->key)
			continue;
		struct snap_site *s = &t->sites[(a->key >> 8) - 1];
		a->key = s->ages << 8 | (a->key & 255);
		s->ages = i + 1;
	}
}

unsigned snap_tally_ages(const struct snap_tally *t, const struct snap_site *s,
                         struct snap_age *out)
{
	unsigned n = 0;

	for (uint32_t at = s->ages; at && n < 256;) {
		struct snap_age a = t->ages[at - 1];
		unsigned i = n++;

		at = a.key >> 8;
		a.key &= 255;
		for (; i && out[i - 1].key > a.key; i--)
			out[i] = out[i - 1];
		out[i] = a;
	}
	return n;
}

/* ---- counters ---- */

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)

/* New memory is zeroed, and only to be had; that of the portion before has its figures still. */
static void clear(const struct snap_tally *t, void *p, uint32_t n, size_t size)
{
	char *from = (char *)p + t->count * size;

	if (t->is_used)
		memset(from, 0, n * size);
	else if (n)
		sys_populate(from, n * size);
}

/* So many more. All is zero, but for `sites` where it is used. */
static void add_sites(struct snap_tally *t, uint32_t n)
{
	if (!t->is_used)
		clear(t, t->sites, n, sizeof(*t->sites));
	if (t->weights)
		clear(t, t->weights, n, sizeof(*t->weights));
	if (t->reach)
		clear(t, t->reach, n, sizeof(*t->reach));
	t->count += n;
}

/* Sites that came since the last one was numbered, as far as there is room. */
static void take_new(struct snap_tally *t, uint32_t last)
{
	uint32_t now = site_count(), more = now > last ? now - last : 0, room = t->room - t->count;

	if (more > room)
		more = room;
	clear(t, t->sites, more, sizeof(*t->sites));
	add_sites(t, more);
}

static void copy_frees_of(struct snap_site *to, const struct site *s, uint32_t n)
{
	for (const struct site *end = s + n; s < end; s++, to++)
		*to = (struct snap_site){.temporary = LOAD(s->temporary),
		                         .frees = LOAD(s->frees),
		                         .bytes_freed = LOAD(s->bytes_freed)};
}

static void copy_allocs_of(struct snap_site *to, const struct site *s, uint32_t n)
{
	for (const struct site *end = s + n; s < end; s++, to++) {
		to->allocs = LOAD(s->allocs);
		to->bytes = LOAD(s->bytes);
	}
}

/* A hole has counted nothing. */
static void copy_frees(struct snap_tally *t)
{
	for (uint32_t i = 0, n; i < t->count; i += n) {
		const struct site *s = site_run(t->first + i, t->count - i, &n);

		if (s)
			copy_frees_of(&t->sites[i], s, n);
		else
			memset(&t->sites[i], 0, n * sizeof(*t->sites));
	}
}

static void copy_allocs(struct snap_tally *t)
{
	for (uint32_t i = 0, n; i < t->count; i += n) {
		const struct site *s = site_run(t->first + i, t->count - i, &n);

		if (s)
			copy_allocs_of(&t->sites[i], s, n);
	}
}

void snap_tally_take(struct snap_tally *t, uint32_t first, uint32_t last)
{
	uint32_t left = last - first + 1;

	t->first = first;
	t->count = 0;
	add_sites(t, left < t->room ? left : t->room);
	if (t->n_ages)
		memset(t->ages, 0, t->age_slots * sizeof(*t->ages));
	t->n_ages = 0;
	t->blocks = t->bytes = 0;

	copy_frees(t);
	/* A free that was seen above has its allocation counted by now, in whichever site: it may
	 * be one that was not there then, of a thread that has just begun. */
	if (t->count == left)
		take_new(t, last);
	copy_allocs(t);
	walk_live(t);
	t->blocks = sample_blocks(t->blocks);
	if (t->ages)
		link_ages(t);
	t->is_used = true;
}
