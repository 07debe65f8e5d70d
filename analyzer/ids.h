/*
 * ids.h - numbers for things, in the order of their first sight: what writers of tables need.
 */
#ifndef OUTLIVE_IDS_H
#define OUTLIVE_IDS_H

#include <stdbool.h>
#include <stdint.h>

/* Compared whole; unused words are zero. Strings are keyed by their interned pointer. */
struct ids_key {
	uint64_t w[4];
};

/* Zero is valid and empty. */
struct ids {
	struct ids_key *key; /* by number */
	uint32_t *slot;      /* number + 1, 0 empty; a power of two of them */
	uint32_t n, n_slots;
};

/* The number of k, from 0 on; *is_new tells that it was not there before. */
uint32_t ids_get(struct ids *t, struct ids_key k, bool *is_new);
void ids_free(struct ids *t);

#endif
