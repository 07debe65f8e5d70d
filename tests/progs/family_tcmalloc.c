/* Each tc_ function of preload/families.def, on libtcmalloc. Its header has some for C++ only. */
#include <stddef.h>

#define MAKE(n)   ((void *)tc_malloc(n, 0, 0, 0, 0, 0))
#define DROP(p)   tc_free((uintptr_t)(p), 0, 0, 0, 0, 0)
#define USABLE(p) tc_malloc_size(p)
#define HEAP      0
size_t tc_malloc_size(void *p);
#include "family.h"

#define ROW(family, shape, ...) ROW_##family(shape, __VA_ARGS__)
#define ROW_JEMALLOC(...)
#define ROW_MIMALLOC(...)
#define ROW_TCMALLOC(shape, name, ...) any name;
#include "preload/families.def"
#undef ROW_TCMALLOC
#define ROW_TCMALLOC(shape, ...) shape(__VA_ARGS__)
#include "preload/families.def"

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
#undef ROW_TCMALLOC
#define ROW_TCMALLOC(shape, name, ...) call_##name();
#include "preload/families.def"
	return 0;
}
