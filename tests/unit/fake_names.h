/*
 * fake_names.h - a symbolizer for tests: names by address, from a table. Rows with the same address
 * are an inline chain, innermost first. A table ends with a row without a function.
 */
#ifndef OUTLIVE_FAKE_NAMES_H
#define OUTLIVE_FAKE_NAMES_H

#include "analyzer/profile.h"

struct fake_name {
	uint64_t address;
	const char *function, *file;
	uint32_t line;
	const char *linkage; /* NULL: as the function */
};

static inline void fake_names(struct snapshot *s, const struct fake_name *table)
{
	for (uint32_t i = 0; i < s->n_locations; i++) {
		struct location *loc = &s->location[i];
		loc->line = pool_alloc(&s->pool, 8 * sizeof(*loc->line));
		loc->n_lines = 0;
		for (const struct fake_name *n = table; n->function; n++)
			if (n->address == loc->address && loc->n_lines < 8)
				loc->line[loc->n_lines++] = (struct line){
				        .function = intern(n->function),
				        .linkage = intern(n->linkage ? n->linkage : n->function),
				        .file = n->file ? intern(n->file) : NULL,
				        .number = n->line};
	}
}

#endif
