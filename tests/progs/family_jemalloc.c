/* jemalloc's own functions. They are weak here: "family_jemalloc weak" tells which of them a
 * process has, by each way in which programs ask. */
#include <dlfcn.h>
#include <jemalloc/jemalloc.h>
#include <string.h>

#include "prog.h"

#pragma weak mallocx
#pragma weak rallocx
#pragma weak xallocx
#pragma weak sallocx
#pragma weak dallocx
#pragma weak sdallocx

static FRAME void je_kept(void)
{
	for (int i = 0; i < 100; i++)
		prog_sink = mallocx(24, 0);
}

static FRAME void je_zero_aligned(void)
{
	for (int i = 0; i < 10; i++) {
		char *p = mallocx(100, MALLOCX_ALIGN(256) | MALLOCX_ZERO);

		if (!p || (size_t)p % 256 || p[99] || sallocx(p, 0) < 100)
			puts("mallocx's flags are lost");
		sdallocx(p, 100, MALLOCX_ALIGN(256));
	}
}

static FRAME void je_dropped(void)
{
	for (int i = 0; i < 10; i++)
		dallocx(mallocx(40, 0), 0);
}

static FRAME void je_resized(void)
{
	void *p = mallocx(40, 0);

	p = rallocx(p, 4000, 0);
	prog_sink = p;
}

static FRAME void je_expanded(void)
{
	void *p = mallocx(48, 0);

	if (xallocx(p, 40, 0, 0) != 48) /* the same class */
		puts("xallocx does not work in place");
	if (xallocx(p, 1 << 20, 0, 0) >= 1 << 20)
		puts("xallocx moved a block");
	prog_sink = p;
}

/* A block of the one family that is given back by the other's. */
static FRAME void je_crossed(void)
{
	for (int i = 0; i < 10; i++) {
		free(mallocx(200, 0));
		dallocx(malloc(200), 0);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "weak")) {
		printf("%d %d %d\n", mallocx != NULL, sdallocx != NULL,
		       dlsym(RTLD_DEFAULT, "mallocx") != NULL);
		return 0;
	}
	je_kept();
	je_zero_aligned();
	je_dropped();
	je_resized();
	je_expanded();
	je_crossed();
	return 0;
}
