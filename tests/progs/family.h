/*
 * family.h - for family_tcmalloc.c and family_mimalloc.c: a function call_NAME for each row of
 * preload/families.def that is FAMILY's. It prints what it has made by its shape, and the usable
 * size bears the table out. Arguments that are no pointers are all 32, so that a product and a
 * single number differ.
 *
 * Includer: FAMILY (a macro that takes what ROW takes), MAKE(n), DROP(p), USABLE(p), HEAP.
 */
#ifndef OUTLIVE_FAMILY_H
#define OUTLIVE_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

#include "prog.h"

typedef uintptr_t any(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);

static inline uintptr_t times(uintptr_t n, uintptr_t size)
{
	return n * size;
}

static void told(const char *name, unsigned n, uintptr_t bytes, unsigned live, uintptr_t live_bytes)
{
	printf("%s %u %lu %u %lu\n", name, n, bytes, live, live_bytes);
}

/* What a row says of its size, held against what the allocator says. */
static void made(const char *name, uintptr_t p, uintptr_t bytes)
{
	if (!p || USABLE((void *)p) < bytes)
		printf("%s: a block of %lu bytes has room for %lu\n", name, bytes,
		       p ? (unsigned long)USABLE((void *)p) : 0);
	prog_sink = (void *)p;
}

static bool has_heap(const char *name)
{
	return name[0] == 'm' && name[3] == 'h';
}

#define ARGS a, b, c, d, e, f
/* The heap, if it is one of a heap's, moves the others one on. */
#define SET(p0)                                                                         \
	bool heap = has_heap(__func__ + 5);                                             \
	uintptr_t a = heap ? HEAP : (p0), b = heap ? (p0) : 32, c = 32, d = 32, e = 32; \
	uintptr_t f = 32;                                                               \
	(void)a, (void)b, (void)c, (void)d, (void)e, (void)f

/* Else the compiler sees that the type is another. */
static inline any *ref(void *function)
{
	any *volatile f = (any *)function;

	return f;
}
#define REF(name) ref((void *)name)

#define ALLOC(name, bytes)                             \
	static FRAME void call_##name(void)            \
	{                                              \
		SET(32);                               \
		for (int i = 0; i < 3; i++) {          \
			uintptr_t p = REF(name)(ARGS); \
                                                       \
			made(#name, p, bytes);         \
			if (i)                         \
				DROP((void *)p);       \
		}                                      \
		told(#name, 3, 3 * (bytes), 1, bytes); \
	}
#define THROWS(name, bytes) ALLOC(name, bytes)
#define OUT(name)                                                            \
	static FRAME void call_##name(void)                                  \
	{                                                                    \
		void *p = NULL;                                              \
                                                                             \
		for (int i = 0; i < 3; i++) {                                \
			if (REF(name)((uintptr_t)&p, 64, 96, 0, 0, 0) & 255) \
				puts(#name " failed");                       \
			made(#name, (uintptr_t)p, 96);                       \
			if (i)                                               \
				DROP(p);                                     \
		}                                                            \
		told(#name, 3, 288, 1, 96);                                  \
	}
#define STRING(name, when)                             \
	static FRAME void call_##name(void)            \
	{                                              \
		SET((uintptr_t) "/");                  \
		(heap ? (c = 1) : (b = 1));            \
		if (!(when))                           \
			(heap ? (c = 0) : (b = 0));    \
		for (int i = 0; i < 3; i++) {          \
			uintptr_t p = REF(name)(ARGS); \
                                                       \
			made(#name, p, 2);             \
			if (i)                         \
				DROP((void *)p);       \
		}                                      \
		told(#name, 3, 6, 1, 2);               \
	}
#define RESIZE(name, p, bytes)                          \
	static FRAME void call_##name(void)             \
	{                                               \
		SET((uintptr_t)MAKE(16));               \
		uintptr_t q = REF(name)(ARGS);          \
                                                        \
		made(#name, q, bytes);                  \
		told(#name, 2, 16 + (bytes), 1, bytes); \
	}
#define RESIZE_OR_FREE(name, p, bytes) RESIZE(name, p, bytes)
#define EXPAND(name, p, bytes, worked)                  \
	static FRAME void call_##name(void)             \
	{                                               \
		SET((uintptr_t)MAKE(48));               \
		uintptr_t r = REF(name)(ARGS);          \
                                                        \
		if (!(worked))                          \
			puts(#name " failed");          \
		told(#name, 2, 48 + (bytes), 1, bytes); \
	}
#define FREE(name, p)                             \
	static FRAME void call_##name(void)       \
	{                                         \
		for (int i = 0; i < 3; i++) {     \
			SET((uintptr_t)MAKE(32)); \
			REF(name)(ARGS);          \
		}                                 \
		told(#name, 3, 96, 0, 0);         \
	}
#define DESTROY(name)                                        \
	static FRAME void call_##name(void)                  \
	{                                                    \
		void *own = mi_heap_new();                   \
                                                             \
		for (int i = 0; i < 5; i++)                  \
			prog_sink = mi_heap_malloc(own, 32); \
		name(own);                                   \
		told(#name, 5, 160, 0, 0);                   \
	}
#define LOOK(name)                          \
	static FRAME void call_##name(void) \
	{                                   \
	}

#endif
