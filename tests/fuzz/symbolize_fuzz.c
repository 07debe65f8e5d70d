/*
 * symbolize_fuzz.c - hostile ELF and DWARF: whatever a file holds, looking names up in it ends and
 * stays inside. libelf and libdw are not instrumented; a crash in them is found all the same.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyzer/sym.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 256, MAX_LINES = N * 128 };

/* In place of the analyzer's, which never frees: here one input after another takes the same
 * memory. */
static struct line g_line[MAX_LINES];
static size_t g_lines;

struct line *sym_lines_new(size_t n)
{
	if (n > MAX_LINES - g_lines)
		abort();
	memset(g_line + g_lines, 0, n * sizeof(*g_line));
	g_lines += n;
	return g_line + g_lines - n;
}

/* Addresses all over the code sections; returns how many. */
static size_t addresses(Elf *elf, uint64_t *address)
{
	size_t n = 0;

	for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s)) && n < N;) {
		GElf_Shdr mem, *h = gelf_getshdr(s, &mem);

		for (uint64_t at = 0; h && h->sh_flags & SHF_EXECINSTR && at < h->sh_size && n < N;
		     at += 1 + h->sh_size / 64)
			address[n++] = h->sh_addr + at;
	}
	return n;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t address[N];
	struct sym_answer answer[N] = {0};
	struct sym_table table = {0};
	char path[64];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	volatile size_t total = 0;

	(void)total;

	g_lines = 0;
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct sym_elf *e = sym_elf_open(path);
	if (e) {
		size_t n = addresses(e->elf, address);

		qsort(address, n, sizeof(*address), by_value);
		sym_table_add(&table, e);
		sym_table_sort(&table);
		sym_dwarf_resolve(e->elf, &table, address, n, answer);
		for (size_t i = 0; i < n; i++)
			for (uint32_t k = 0; k < answer[i].n_lines; k++)
				total += answer[i].line[k].function
				                 ? strlen(answer[i].line[k].function)
				                 : 0;
		sym_table_free(&table);
		sym_elf_close(e);
	}
	close(fd);
	return 0;
}
