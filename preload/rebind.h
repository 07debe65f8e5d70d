/*
 * rebind.h - leads the calls that loaded modules make to a function elsewhere, without exporting
 * its name: the slots through which they call (GOT) are rewritten.
 *
 * For entry points that only some allocators have (mallocx, tc_malloc, mi_malloc). Were they
 * exported, `if (mallocx)` on a weak reference, and dlsym, would find ours in programs that have no
 * jemalloc, and such programs believe then that they have one. An indirect function (IFUNC) that
 * resolves to NULL passes that test, but ld.so prints "Relink ... for IFUNC symbol" on the
 * program's stderr for each library that refers to it. A rewritten slot changes nothing for those
 * who have nothing to call. The price: a pointer from dlsym, and libraries that come later by
 * dlopen, are not led here.
 */
#ifndef OUTLIVE_REBIND_H
#define OUTLIVE_REBIND_H

#include <stdbool.h>
#include <stddef.h>

struct rebind {
	const char *name;
	void *to;
	void *original; /* NULL: nobody has it, and nothing is rewritten */
};

/*
 * Rewrites the references of all loaded modules but the one that the original lies in and our own.
 * may: a quick test that a name may be one of rows. Returns how many slots were rewritten. Takes
 * the loader's lock: at the start only, before there are threads.
 */
unsigned rebind_all(const struct rebind *rows, size_t n, bool (*may)(const char *name));

#endif
