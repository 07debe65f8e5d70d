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

static void walk_page(const struct walk *walk, const struct live_region *r, size_t page)
{
	for (size_t i = page * LIVE_PAGE_SPANS; i < (page + 1) * LIVE_PAGE_SPANS; i++) {
		const struct live_span *s = &r->span[i];
		uintptr_t base = r->base + (i << LIVE_SPAN_SHIFT);
		uint32_t way = LIVE_LOAD(&s->way), ways = LIVE_LOAD(&s->ways);

		if (way)
			walk_way(walk, base, live_unit(way));
		for (unsigned k = 0; ways && k < LIVE_MORE_WAYS; k++)
			walk_way(walk, base, (const uint64_t *)live_unit(ways) + k * LIVE_GRANULES);
		walk_lines(walk, base, LIVE_LOAD(&s->lines));
	}
}

/* The next one up, of the few that there are. */
static const struct live_region *region_after(const struct live_region *last)
{
	const struct live_region *next = NULL;

	for (const struct live_region *r = LIVE_LOAD(&live_regions); r; r = r->next)
		if ((!last || r->base > last->base) && (!next || r->base < next->base))
			next = r;
	return next;
}

void live_walk(void (*fn)(uintptr_t address, const struct block *b, void *arg), void *arg)
{
	struct walk walk = {fn, arg};

	for (const struct live_region *r = NULL; (r = region_after(r));)
		for (size_t page = 0; page < LIVE_REGION_PAGES; page++)
			if (LIVE_LOAD(&r->touched[page / 64]) >> page % 64 & 1)
				walk_page(&walk, r, page);
}
