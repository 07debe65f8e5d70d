/*
 * hook_family.c - what jemalloc, tcmalloc and mimalloc offer beside malloc: a function for each row
 * of families.def, to which rebind.c leads the program's calls where it has such an allocator.
 * Nothing here is exported (rebind.h says why). As in hook_heap.c, IN_HEAP is held over the real
 * call, but where that may throw; and one entry point that calls another is counted once. sallocx
 * and the like change nothing, and stay the allocator's own. Context: any thread.
 */
#include <string.h>

#include "hook.h"
#include "rebind.h"

/* All arguments and results are integers in registers, so one type serves for all. */
#define PARAMS uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f
#define ARGS   a, b, c, d, e, f
#define UNUSED (void)a, (void)b, (void)c, (void)d, (void)e, (void)f
typedef uintptr_t any_fn(PARAMS);

enum {
#define ROW(family, shape, name, ...) ROW_##name,
#include "families.def"
#undef ROW
	N_ROWS
};
enum family { JEMALLOC, TCMALLOC, MIMALLOC, N_FAMILIES };

static any_fn *g_original[N_ROWS];

static inline uintptr_t real_call(unsigned row, uint32_t flags, PARAMS)
{
	t_self.flags = flags | IN_HEAP;
	uintptr_t r = g_original[row](ARGS);
	t_self.flags = flags;
	return r;
}

static inline size_t times(size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? SIZE_MAX : bytes;
}

static inline bool inner(uint32_t flags)
{
	return unlikely(flags & IN_HEAP);
}

static uintptr_t resize(unsigned row, uintptr_t p, size_t bytes, bool or_free,
                        const struct caller *from, PARAMS)
{
	uint32_t flags = t_self.flags;
	struct block was;
	bool moves = p && !inner(flags), known = false;
	size_t copied = bytes;

	if (moves) {
		track_moving((void *)p, bytes);
		known = track_free((void *)p, &was);
		copied = known && was.size < bytes ? was.size : bytes;
		track_moving((void *)p, copied);
	}
	uintptr_t q = real_call(row, flags, ARGS);

	if (moves)
		track_moving((void *)(q ? q : p), copied);

	if (inner(flags))
		return q;
	if (q)
		track_alloc((void *)q, bytes, from);
	if (!q && bytes && known && !or_free)
		track_restore((void *)p, &was);
	if (moves)
		track_moving(NULL, 0);
	return q;
}

/* The result alone tells whether it was; the block is the program's all the time. */
static void expanded(uintptr_t p, size_t bytes, const struct caller *from)
{
	if (track_free((void *)p, NULL))
		track_alloc((void *)p, bytes, from);
}

static uintptr_t destroyed(PARAMS)
{
	UNUSED;
	if (c) /* else an area, not a block */
		track_free((void *)c, NULL);
	return true; /* go on */
}

static void destroy(uintptr_t heap)
{
	any_fn *visit = g_original[ROW_mi_heap_visit_blocks];

	if (visit)
		visit(heap, true, (uintptr_t)destroyed, 0, 0, 0);
}

/* ---- the functions, by shape ---- */

#define DEFINE(name, body)                                             \
	static __attribute__((noinline)) uintptr_t wrap_##name(PARAMS) \
	{                                                              \
		uint32_t flags = t_self.flags;                         \
                                                                       \
		UNUSED;                                                \
		t_self.n_heap++;                                       \
		body                                                   \
	}
#define ALLOC(name, bytes)                                             \
	DEFINE(name, uintptr_t p = real_call(ROW_##name, flags, ARGS); \
	       if (!inner(flags)) track_alloc((void *)p, bytes, &CALLER()); return p;)
/* Counted here unless it came through a function that counted it. */
#define THROWS(name, bytes)                                             \
	DEFINE(name, const struct heap_mark before = track_heap_mark(); \
	       uintptr_t p = g_original[ROW_##name](ARGS);              \
	       if (!inner(flags) && !track_heap_since(&before))         \
	               track_alloc((void *)p, bytes, &CALLER());        \
	       return p;)
#define OUT(name)                                                                        \
	DEFINE(name, uintptr_t error = real_call(ROW_##name, flags, ARGS);               \
	       if (!(int)error && !inner(flags)) track_alloc(*(void **)a, c, &CALLER()); \
	       return error;)
#define STRING(name, made)                                                       \
	DEFINE(name, uintptr_t p = real_call(ROW_##name, flags, ARGS);           \
	       if (p && (made) && !inner(flags))                                 \
	               track_alloc((void *)p, strlen((char *)p) + 1, &CALLER()); \
	       return p;)
#define RESIZE(name, p, bytes) \
	DEFINE(name, (void)flags; return resize(ROW_##name, p, bytes, false, &CALLER(), ARGS);)
#define RESIZE_OR_FREE(name, p, bytes) \
	DEFINE(name, (void)flags; return resize(ROW_##name, p, bytes, true, &CALLER(), ARGS);)
#define EXPAND(name, p, bytes, worked)                                 \
	DEFINE(name, uintptr_t r = real_call(ROW_##name, flags, ARGS); \
	       if (!inner(flags) && (worked)) expanded(p, bytes, &CALLER()); return r;)
#define FREE(name, p)                                                         \
	DEFINE(name, if ((p) && !inner(flags)) track_free((void *)(p), NULL); \
	       return real_call(ROW_##name, flags, ARGS);)
#define DESTROY(name) \
	DEFINE(name, if (!inner(flags)) destroy(a); return real_call(ROW_##name, flags, ARGS);)
#define LOOK(name)
#define wrap_mi_heap_visit_blocks NULL

#define ROW(family, shape, ...) shape(__VA_ARGS__)
#include "families.def"
#undef ROW

/* ---- who has them ---- */

static struct rebind g_rows[N_ROWS] = {
#define ROW(family, shape, name, ...) {#name, wrap_##name, NULL, NULL},
#include "families.def"
#undef ROW
};
static const uint8_t g_family[N_ROWS] = {
#define ROW(family, shape, name, ...) family,
#include "families.def"
#undef ROW
};
/* An allocator that has this has the others. */
static const unsigned g_first[N_FAMILIES] = {ROW_mallocx, ROW_tc_malloc, ROW_mi_malloc};

/* mi_*, tc_* and *allocx: few of a program's thousands of names. */
static bool may_be_row(const char *name)
{
	size_t n;

	if ((name[0] == 'm' && name[1] == 'i') || (name[0] == 't' && name[1] == 'c'))
		return name[2] == '_';
	n = strlen(name);
	return n >= 6 && n <= 8 && !memcmp(name + n - 6, "allocx", 6);
}

static const struct rebind *find_row(const char *name)
{
	for (unsigned i = 0; may_be_row(name) && i < N_ROWS; i++)
		if (!strcmp(g_rows[i].name, name))
			return &g_rows[i];
	return NULL;
}

void hook_families_init(void *(*original)(const char *name))
{
	bool has[N_FAMILIES], any = false;

	for (unsigned i = 0; i < N_FAMILIES; i++)
		any |= has[i] = original(g_rows[g_first[i]].name) != NULL;
	if (!any)
		return;
	for (unsigned i = 0; i < N_ROWS; i++) {
		void *f = has[g_family[i]] ? original(g_rows[i].name) : NULL;

		*(void **)&g_original[i] = f;
		g_rows[i].original = g_rows[i].to ? f : NULL;
	}
	rebind_all(find_row);
	for (unsigned i = 0; i < N_FAMILIES; i++)
		if (has[i])
			real_add_allocator(g_rows[g_first[i]].original);
}
