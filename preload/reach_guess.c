/*
 * reach_guess.c - see reach_guess.h. The same four patterns that memcheck knows as
 * --leak-check-heuristics: a length in the first word, new[] of a class with a destructor,
 * libstdc++'s old std::string, and a second base class. Context: a child of the scan's.
 */
#include "reach_guess.h"

#include "mem.h"
#include "reach_index.h"
#include "reach_maps.h"

static bool readable(uintptr_t a, uintptr_t bytes)
{
	const struct reach_map *m = reach_maps_at(a);

	return m && reach_map_readable(m) && a + bytes <= m->high;
}

/* Constant data of a module: where tables of virtual functions are. */
static bool constant(uintptr_t a)
{
	const struct reach_map *m = reach_maps_at(a);

	return m && (m->flags & REACH_MAP_MODULE) && reach_map_readable(m) && a + 8 <= m->high;
}

static bool code(uintptr_t a)
{
	const struct reach_map *m = reach_maps_at(a);

	return m && (m->flags & REACH_MAP_MODULE) && (m->flags & REACH_MAP_EXEC);
}

/* A table has the offset to the whole object and its type before it, functions behind it; the first
 * of them may be missing where a class is abstract. */
static bool virtual_table(uintptr_t a)
{
	if (a & 7 || !constant(a) || !constant(a - 16))
		return false;
	for (unsigned i = 0; i < 4 && constant(a + i * 8); i++) {
		uintptr_t f = mem_word(a + i * 8);

		if (f && code(f))
			return true;
	}
	return false;
}

bool reach_guess(const struct reach_block *b, uintptr_t w)
{
	uintptr_t start = reach_block_start(b), at = w - start;
	uint64_t bytes = reach_block_bytes(b);

	if (at & 7 || bytes < 16 || !readable(start, 32 < bytes ? 32 : bytes))
		return false;
	uint64_t first = mem_word(start);

	if (at == 8 &&
	    (first == bytes - 8 || (first && first <= bytes - 8 && (bytes - 8) % first == 0)))
		return true;
	if (at == 16 && first == bytes - 16)
		return true;
	if (at == 24 && bytes > 24 && first <= mem_word(start + 8) &&
	    mem_word(start + 8) + 25 == bytes)
		return true;
	return at + 8 <= bytes && readable(w, 8) && virtual_table(first) &&
	       virtual_table(mem_word(w));
}
