/*
 * perf_map_fuzz.c - hostile /tmp/perf-PID.map: names are found or not, and every one that is given
 * out is whole.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/sym.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 64, MAX_LINES = 1 << 16, MAX_INPUT = 4096 };

/* In place of the analyzer's, which never frees. */
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

static int g_folder = -1;

static void remove_map(void)
{
	unlinkat(g_folder, "perf-1.map", 0);
	rmdir(getenv("OUTLIVE_PERF_MAP_DIR"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char folder[] = "/tmp/perf_map_fuzz.XXXXXX";
	uint64_t address[N];
	struct sym_answer answer[N] = {0};
	volatile size_t total = 0;

	if (g_folder < 0) {
		if (!mkdtemp(folder) || setenv("OUTLIVE_PERF_MAP_DIR", folder, 1))
			abort();
		g_folder = open(folder, O_RDONLY | O_DIRECTORY);
		atexit(remove_map);
	}
	int fd = openat(g_folder, "perf-1.map", O_CREAT | O_TRUNC | O_WRONLY, 0600);
	size = size < MAX_INPUT ? size : MAX_INPUT;
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	/* Small ones, which an input of few bytes can hit, and the ends. */
	for (size_t i = 0; i < N; i++)
		address[i] = i < N - 8 ? i * 16 : UINT64_MAX - (N - 1 - i);
	g_lines = 0;
	perf_map_resolve(1, getuid(), 0, address, N, answer);
	for (size_t i = 0; i < N; i++)
		for (uint32_t k = 0; k < answer[i].n_lines; k++)
			total += strlen(answer[i].line[k].function) +
			         (answer[i].line[k].file ? strlen(answer[i].line[k].file) : 0);
	(void)total;
	return 0;
}
