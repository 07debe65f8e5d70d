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

static void walk_way(const struct walk *walk, uintptr_t base, const uint64_t *word)
{
	struct block b;

	for (unsigned i = 0; i < LIVE_GRANULES; i++) {
		uint64_t w = LIVE_LOAD(&word[i]);

		if (!w)
			continue;
		live_way_block(w, &b);
		walk->fn(base + i * 32 + live_way_low(w) * 8, &b, walk->arg);
	}
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

static void walk_span(const struct walk *walk, struct live_region *r, uintptr_t base)
{
	const uint64_t *const *way = (const uint64_t *const *)live_way_of(r, base), *words;
	const uint32_t *ways = live_ways_of(r, base);
	uint32_t more = live_store_touched(r, ways) ? LIVE_LOAD(ways) : 0;

	if (live_store_touched(r, way) && (words = LIVE_LOAD(way)))
		walk_way(walk, base, words);
	for (unsigned k = 0; more && k < LIVE_MORE_WAYS; k++)
		walk_way(walk, base, (const uint64_t *)live_unit(more) + k * LIVE_GRANULES);
	walk_lines(walk, base, LIVE_LOAD(&live_span_of(r, base)->lines));
}

static void walk_region(const struct walk *walk, struct live_region *r)
{
	const uintptr_t a_page = LIVE_PAGE / sizeof(r->span[0]) << LIVE_SPAN_SHIFT;

	for (uintptr_t at = 0; at < 1ul << LIVE_REGION_SHIFT; at += a_page) {
		if (!live_store_touched(r, live_span_of(r, at)))
			continue;
		for (uintptr_t i = 0; i < a_page; i += 1ul << LIVE_SPAN_SHIFT)
			walk_span(walk, r, r->base + at + i);
	}
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
