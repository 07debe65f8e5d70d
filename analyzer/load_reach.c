/*
 * load_reach.c - the items of Rsit (format.h, section 2): what a scan says of the live blocks of a
 * site that stands before it in the file.
 */
#include "load.h"

static void one_class(struct loader *l, struct reach *r, uint32_t *last)
{
	const uint8_t *at = l->at;
	uint32_t class = load_small(l, "class of a block");
	uint64_t blocks = load_figure(l, "blocks"), bytes = load_figure(l, "bytes");

	if (l->failed)
		return;
	if (class <= *last) {
		load_bad(l, at, "class %u of blocks is out of order", class);
		return;
	}
	*last = class;
	/* What a later version tells apart is not known here. */
	if (class >= FMT_REACH_CLASSES)
		class = 0;
	r->blocks[class] = addu_sat(r->blocks[class], blocks);
	r->bytes[class] = addu_sat(r->bytes[class], bytes);
}

static void one_site(struct loader *l)
{
	const uint8_t *start = l->at;
	uint64_t site = load_varint(l);
	const uint8_t *at = l->at;
	struct reach r = {.owner = load_refer(&l->origin, l, load_varint(l), at)};
	uint64_t n = load_varint(l);
	uint32_t last = 0;

	if (!l->failed && (!site || site > l->s->n_samples))
		load_bad(l, start, "site %llu of %u", (unsigned long long)site, l->s->n_samples);
	for (uint64_t i = 0; i < n && !l->failed; i++)
		one_class(l, &r, &last);
	if (l->failed)
		return;
	struct sample *sample = &l->s->sample[site - 1];

	r.owned = r.owner ? r.blocks[FMT_REACH_INDIRECT] : 0;
	if (!sample->reach)
		sample->reach = pool_alloc(&l->s->pool, sizeof(r));
	*sample->reach = r;
}

int load_reach_items(struct loader *l)
{
	while (l->at < l->end && !l->failed)
		one_site(l);
	return l->failed ? -1 : 0;
}
