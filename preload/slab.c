/*
 * slab.c - see slab.h. Owns the chunks; must not know what is in them. Context: any thread, under
 * the lock of the table that the records belong to.
 */
#include "slab.h"

#include <stdbool.h>

#include "format.h"
#include "sys.h"

static bool grow(struct slab *s)
{
	uint32_t which = s->room / s->chunk_items;
	char *chunk;

	if (which >= s->max_chunks || !(chunk = sys_map((size_t)s->item_bytes * s->chunk_items)))
		return false;
	__atomic_store_n(&s->chunk[which], chunk, __ATOMIC_RELEASE);
	s->room += s->chunk_items;
	return true;
}

void *slab_take(struct slab *s)
{
	struct slab_item *item = s->free;

	if (item) {
		s->free = item->next_free;
		return item;
	}
	if (s->fresh == s->room && !grow(s))
		return NULL;
	/* In order, and none before it is needed: pages that nobody touches cost nothing. */
	item = slab_at(s, s->fresh);
	__atomic_store_n(&s->fresh, s->fresh + 1, __ATOMIC_RELEASE);
	return item;
}

void slab_give(struct slab *s, void *item)
{
	struct slab_item *head = item;

	head->next_free = s->free;
	s->free = head;
}

void *slab_at(const struct slab *s, uint32_t i)
{
	char *chunk = __atomic_load_n(&s->chunk[i / s->chunk_items], __ATOMIC_ACQUIRE);

	return chunk ? chunk + (size_t)(i % s->chunk_items) * s->item_bytes : NULL;
}

uint32_t slab_room(const struct slab *s)
{
	return __atomic_load_n(&s->fresh, __ATOMIC_ACQUIRE);
}

void slab_forget_free(struct slab *s)
{
	s->free = NULL;
}

void slab_describe(const struct slab *s, struct fmt_table *out)
{
	*out = (struct fmt_table){(uintptr_t)s->chunk, s->chunk_items, s->item_bytes};
}
