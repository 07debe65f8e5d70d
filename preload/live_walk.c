/*
 * live_walk.c - shows all live blocks. Context: the snapshot child, beside threads that go on
 * putting and taking; takes no lock, writes nothing. A block is never moved while it lives, so each
 * that lives throughout is met once.
 */
#include "live_store.h"

struct walk {
	void (*fn)(uintptr_t address, const struct block *b, void *arg);
	void *arg;
};

/* Of a way's words, these. */
static void walk_words(const struct walk *walk, uintptr_t base, const uint64_t *word, unsigned n)
{
	struct block b;

	for (unsigned i = 0; i < n; i++) {
		uint64_t w = LIVE_LOAD(&word[i]);

		if (!w)
			continue;
		live_way_block(w, &b);
		walk->fn(base + i * 32 + live_way_low(w) * 8, &b, walk->arg);
	}
}

/* Where a program ends, most are empty. */
static void walk_way(const struct walk *walk, uintptr_t base, const uint64_t *word)
{
	for (unsigned i = 0; i < LIVE_GRANULES; i += 4)
		if (LIVE_LOAD(&word[i]) | LIVE_LOAD(&word[i + 1]) | LIVE_LOAD(&word[i + 2]) |
		    LIVE_LOAD(&word[i + 3]))
			walk_words(walk, base + i * 32, &word[i], 4);
}

static void walk_lines(const struct walk *walk, uintptr_t base, uint32_t index)
{
	struct block b;

	while (index) {
		const struct live_line *l = live_unit(index);

		for (unsigned k = 0; k < LIVE_SLOTS; k++) {
			uint64_t w = LIVE_LOAD(&l->word[k]);

			if (w <= LIVE_CLAIMED)
				continue;
			live_line_block(w, LIVE_LOAD(&l->size[k]), &b);
			/* Gone, or another in its place: the size may be the other's. */
			if (w != LIVE_LOAD(&l->word[k]))
				continue;
			walk->fn(base + live_line_offset(w) * 8, &b, walk->arg);
		}
		index = LIVE_LOAD(&l->next);
	}
}

/* The spans from `first` on that share a page of the directory. */
enum { A_PAGE = LIVE_PAGE / sizeof(struct live_span) << LIVE_SPAN_SHIFT };

static void walk_page(const struct walk *walk, struct live_region *r, uintptr_t first)
{
	const bool has_way = live_store_touched(r, live_way_of(r, first));
	const bool has_ways = live_store_touched(r, live_ways_of(r, first));

	for (uintptr_t at = first; at < first + A_PAGE; at += 1ul << LIVE_SPAN_SHIFT) {
		const uint64_t *way = has_way ? LIVE_LOAD(live_way_of(r, at)) : NULL;
		const uint32_t more = has_ways ? LIVE_LOAD(live_ways_of(r, at)) : 0;
		const uint32_t lines = LIVE_LOAD(&live_span_of(r, at)->lines);

		if (way)
			walk_way(walk, r->base + at, way);
		for (unsigned k = 0; more && k < LIVE_MORE_WAYS; k++)
			walk_way(walk, r->base + at,
			         (const uint64_t *)live_unit(more) + k * LIVE_GRANULES);
		if (lines)
			walk_lines(walk, r->base + at, lines);
	}
}

static void walk_region(const struct walk *walk, struct live_region *r)
{
	for (uintptr_t at = 0; at < 1ul << LIVE_REGION_SHIFT; at += A_PAGE)
		if (live_store_touched(r, live_span_of(r, at)))
			walk_page(walk, r, at);
}

/* The next one up, of the few that there are. */
static struct live_region *region_after(const struct live_region *last)
{
	struct live_region *next = NULL;

	for (struct live_region *r = LIVE_LOAD(&live_regions); r; r = r->next)
		if ((!last || r->base > last->base) && (!next || r->base < next->base))
			next = r;
	return next;
}

void live_walk(void (*fn)(uintptr_t address, const struct block *b, void *arg), void *arg)
{
	struct walk walk = {fn, arg};

	for (struct live_region *r = NULL; (r = region_after(r));)
		walk_region(&walk, r);
}
