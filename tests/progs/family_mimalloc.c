/* Each mi_ function of preload/families.def, on libmimalloc. */
#include <mimalloc.h>

#define MAKE(n)   mi_zalloc(n)
#define DROP(p)   mi_free(p)
#define USABLE(p) mi_usable_size(p)
#define HEAP      ((uintptr_t)mi_heap_get_default())
#include "family.h"

#define ROW(family, shape, ...) ROW_##family(shape, __VA_ARGS__)
#define ROW_JEMALLOC(...)
#define ROW_TCMALLOC(...)
#define ROW_MIMALLOC(shape, ...) shape(__VA_ARGS__)
#include "preload/families.def"

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
#undef ROW_MIMALLOC
#define ROW_MIMALLOC(shape, name, ...) call_##name();
#include "preload/families.def"
	return 0;
}
