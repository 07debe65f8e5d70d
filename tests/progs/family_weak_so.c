/* A library that asks for an allocator by weak references, as some big ones do. */
#include <stddef.h>

extern void *mallocx(size_t, int) __attribute__((weak));
extern void *tc_malloc(size_t) __attribute__((weak));
extern void *mi_malloc(size_t) __attribute__((weak));

void *(*family_pointer)(size_t, int) = mallocx;

int family_found(void)
{
	return (mallocx != NULL) + 2 * (tc_malloc != NULL) + 4 * (mi_malloc != NULL) +
	       8 * (family_pointer != NULL);
}
