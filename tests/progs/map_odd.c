/* Mappings of the program's own, in each way in which they come and go. */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "prog.h"

enum { PAGE = 4096, ANON = MAP_PRIVATE | MAP_ANONYMOUS, RW = PROT_READ | PROT_WRITE };

static char *must(void *p)
{
	if (p == MAP_FAILED)
		puts("a mapping failed");
	return p;
}

static FRAME void map_kept(void)
{
	for (int i = 0; i < 10; i++)
		prog_sink = must(mmap(NULL, 10000, RW, ANON, -1, 0));
	prog_sink = must(mmap64(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static FRAME void map_gone(void)
{
	for (int i = 0; i < 10; i++)
		munmap(must(mmap(NULL, 2 * PAGE, RW, ANON, -1, 0)), 2 * PAGE);
}

static FRAME void map_aligned(void)
{
	/* As allocators do: take too much, give the ends back. */
	char *p = must(mmap(NULL, 16 * PAGE, RW, ANON, -1, 0));

	munmap(p, 3 * PAGE);
	munmap(p + 11 * PAGE, 5 * PAGE);
}

static FRAME void map_moved(void)
{
	char *p = must(mmap(NULL, PAGE, RW, ANON, -1, 0));

	strcpy(p, "kept");
	p = must(mremap(p, PAGE, 64 * PAGE, MREMAP_MAYMOVE));
	if (strcmp(p, "kept"))
		puts("mremap has lost what was there");
	p = must(mremap(p, 64 * PAGE, 2 * PAGE, 0));
	if (mremap(p, 2 * PAGE, 1ul << 60, MREMAP_MAYMOVE) != MAP_FAILED)
		puts("mremap should have failed");
	char *to = must(mmap(NULL, 2 * PAGE, RW, ANON, -1, 0));
	if (mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		puts("mremap has not moved");
}

static FRAME void map_under_fixed(void)
{
	prog_sink = must(mmap(NULL, 8 * PAGE, PROT_NONE, ANON, -1, 0));
}

static FRAME void map_fixed(char *there)
{
	must(mmap(there, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
}

static FRAME void map_file(const char *name)
{
	FILE *f = fopen(name, "r");
	char *p = must(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fileno(f), 0));

	munmap(p, PAGE);
	must(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fileno(f), 0));
	fclose(f);
}

static FRAME void map_refused(void)
{
	if (mmap(NULL, 0, RW, ANON, -1, 0) != MAP_FAILED ||
	    !munmap((char *)prog_sink + 1, PAGE)) /* not at a page's start */
		puts("these fail");
}

static FRAME void map_break(void)
{
	char *was = sbrk(0);

	sbrk(10000);
	sbrk(-4000);
	brk(was + 8000);
	brk(was + 1000);
}

/* malloc's own mappings are the heap's. */
static FRAME void map_by_malloc(void)
{
	prog_sink = malloc(50 << 20);
}

static FRAME void map_in_child(void)
{
	void *p = must(mmap(NULL, PAGE, RW, ANON, -1, 0));
	pid_t child = fork();

	if (!child) {
		munmap(p, PAGE);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	child = vfork(); /* borrows our memory, and has the mappings for itself as well */
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	(void)argc;
	map_kept();
	map_gone();
	map_aligned();
	map_moved();
	map_under_fixed();
	map_fixed((char *)prog_sink + 3 * PAGE);
	map_refused();
	map_file(argv[0]);
	map_break();
	map_by_malloc();
	map_in_child();
	return 0;
}
