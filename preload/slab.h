/*
 * slab.h - records of one size that are used again, in chunks that stay where they are: who reads
 * without a lock may keep a pointer to a record, whatever becomes of it. Taking and giving back is
 * under its user's lock; slab_at() and slab_room() are lock-free, for signal handlers and for the
 * snapshot child.
 */
#ifndef OUTLIVE_SLAB_H
#define OUTLIVE_SLAB_H

#include <stddef.h>
#include <stdint.h>

/* First in each record. */
struct slab_item {
	struct slab_item *next_free;
};

struct slab {
	const uint32_t item_bytes, chunk_items, max_chunks;
	char **const chunk; /* max_chunks, NULL where there is none yet */
	uint32_t room;      /* records that the chunks hold */
	uint32_t fresh;     /* from here on they were never taken */
	struct slab_item *free;
};
/* type: its first member is a struct slab_item. */
#define SLAB(type, items, chunks)                                               \
	{                                                                       \
		sizeof(type), items, chunks, (char *[chunks]){NULL}, 0, 0, NULL \
	}

/* A record as it was left, zeros at first; NULL: no memory, or all chunks are used up. */
void *slab_take(struct slab *s);
void slab_give(struct slab *s, void *item);
/* Of records 0..slab_room() - 1: all that were ever taken. */
void *slab_at(const struct slab *s, uint32_t i);
uint32_t slab_room(const struct slab *s);
/* fork's child: the chain may have been at work. Free is then what is given back anew. */
void slab_forget_free(struct slab *s);

/* Where it lies, for a reader outside of the process. */
struct fmt_table;
void slab_describe(const struct slab *s, struct fmt_table *out);

#endif
