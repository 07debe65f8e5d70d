/* family_weak LIBRARY: which allocators does a program believe to have? By weak references of its
 * own and of a library's, and by dlsym. C23's free_sized through a weak reference does what it
 * says. */
#include <dlfcn.h>
#include <stdbool.h>

#include "prog.h"

extern void *mallocx(size_t, int) __attribute__((weak));
extern void *tc_malloc(size_t) __attribute__((weak));
extern void *mi_malloc(size_t) __attribute__((weak));
extern void free_sized(void *, size_t) __attribute__((weak));
extern void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));
extern void cfree(void *) __attribute__((weak));

/* libjemalloc has no cfree, and libc's takes no other's blocks. */
static FRAME void freed_by_size(bool by_cfree)
{
	for (int i = 0; i < 10; i++) {
		void *p = malloc(70);

		if (free_sized)
			free_sized(p, 70);
		else
			free(p);
		p = aligned_alloc(64, 128);
		if (free_aligned_sized)
			free_aligned_sized(p, 64, 128);
		else
			free(p);
		p = malloc(80);
		if (cfree && by_cfree)
			cfree(p);
		else
			free(p);
	}
}

int main(int argc, char **argv)
{
	char path[4096];

	snprintf(path, sizeof(path), "%.*sfamily_weak_so.so",
	         (int)(sizeof("family_weak") > 0 && argc ? __builtin_strlen(argv[0]) - 11 : 0),
	         argv[0]);
	void *lib = dlopen(path, RTLD_NOW);
	int (*found)(void) = lib ? (int (*)(void))dlsym(lib, "family_found") : NULL;

	printf("own %d library %d dlsym %d\n",
	       (mallocx != NULL) + 2 * (tc_malloc != NULL) + 4 * (mi_malloc != NULL),
	       found ? found() : -1,
	       (dlsym(RTLD_DEFAULT, "mallocx") != NULL) +
	               2 * (dlsym(RTLD_DEFAULT, "tc_malloc") != NULL) +
	               4 * (dlsym(RTLD_DEFAULT, "mi_malloc") != NULL));
	freed_by_size(!dlsym(RTLD_DEFAULT, "mallocx"));
	return 0;
}
