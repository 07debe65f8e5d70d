/*
 * rebind.h - leads the calls that loaded modules make to a function elsewhere, without exporting
 * its name: the slots through which they call (GOT) are rewritten.
 *
 * For entry points that only some allocators have (mallocx, tc_malloc, mi_malloc). Were they
 * exported, `if (mallocx)` on a weak reference, and dlsym, would find ours in programs that have no
 * jemalloc, and such programs believe then that they have one. An indirect function (IFUNC) that
 * resolves to NULL passes that test, but ld.so prints "Relink ... for IFUNC symbol" on the
 * program's stderr for each library that refers to it. A rewritten slot changes nothing for those
 * who have nothing to call. The price: a pointer from dlsym is not led here, nor are libraries that
 * come later by dlopen, unless somebody tells of them (rebind_object).
 */
#ifndef OUTLIVE_REBIND_H
#define OUTLIVE_REBIND_H

#include <link.h>
#include <stddef.h>
#include <stdint.h>

struct rebind {
	const char *name;
	void *to;
	void *original; /* NULL: nobody has it, and nothing is rewritten */
	/* Who asks for this version means another function: "GLIBC_2.2.5"; NULL: there is one only.
	 */
	const char *unlike;
};
/* What to do with a name; NULL for nearly all. Asked for each name that a module refers to. */
typedef const struct rebind *rebind_find(const char *name);

/*
 * Rewrites the references of all loaded modules but the one that the original lies in and our own.
 * Returns how many slots were rewritten. Takes the loader's lock: at the start only, before there
 * are threads.
 */
unsigned rebind_all(rebind_find *find);
/*
 * The same for one module, which has been relocated and must not go meanwhile: its code is on the
 * caller's stack. Any thread, a signal handler too; takes no lock. Doing it twice changes nothing.
 */
unsigned rebind_object(rebind_find *find, uintptr_t bias, const Elf64_Phdr *headers, unsigned n);

#endif
