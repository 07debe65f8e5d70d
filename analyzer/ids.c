/*
 * ids.c - an open-addressed table from keys of four words to consecutive numbers.
 */
#include "ids.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

static uint32_t hash(const struct ids_key *k)
{
	uint64_t h = 0;

	for (int i = 0; i < 4; i++) {
		h = (h ^ k->w[i]) * UINT64_C(0x9E3779B97F4A7C15);
		h ^= h >> 29;
	}
	return (uint32_t)(h >> 32);
}

static void grow(struct ids *t)
{
	t->n_slots = t->n_slots ? t->n_slots * 2 : 256;
	free(t->slot);
	t->slot = xcalloc(t->n_slots, sizeof *t->slot);
	t->key = xrealloc(t->key, t->n_slots / 2 * sizeof *t->key);
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t at = hash(&t->key[i]) & (t->n_slots - 1);
		while (t->slot[at])
			at = (at + 1) & (t->n_slots - 1);
		t->slot[at] = i + 1;
	}
}

uint32_t ids_get(struct ids *t, struct ids_key k, bool *is_new)
{
	if (t->n >= t->n_slots / 2)
		grow(t);
	uint32_t at = hash(&k) & (t->n_slots - 1);
	for (; t->slot[at]; at = (at + 1) & (t->n_slots - 1)) {
		if (memcmp(&t->key[t->slot[at] - 1], &k, sizeof k) == 0) {
			*is_new = false;
			return t->slot[at] - 1;
		}
	}
	t->key[t->n] = k;
	t->slot[at] = ++t->n;
	*is_new = true;
	return t->n - 1;
}

void ids_free(struct ids *t)
{
	free(t->key);
	free(t->slot);
	*t = (struct ids){0};
}
