/*
 * sym_pool.c - where the lines of all answers live: given out in chunks, never moved, never freed.
 * Context: the analyzer's one thread.
 */
#include "sym.h"

struct line *sym_lines_new(size_t n)
{
	enum { CHUNK = 4096 };
	static struct line *chunk;
	static size_t left;

	if (n > CHUNK / 4)
		return xcalloc(n, sizeof(struct line));
	if (n > left) {
		chunk = xcalloc(CHUNK, sizeof(*chunk));
		left = CHUNK;
	}
	left -= n;
	return chunk + left;
}
