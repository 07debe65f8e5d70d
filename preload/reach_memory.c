/*
 * reach_memory.c - see reach_memory.h. Context: a child of the scan's; raw system calls only.
 */
#include "reach_memory.h"

#include <string.h>

#include "context.h"
#include "live.h"
#include "sys.h"

/* 24 bytes a block, and tables of pages; the rest is for what the program changes meanwhile. */
#define BYTES_A_BLOCK 32u
#define BYTES_AT_ALL  (32u << 20)
#define LITTLE        (256u << 10) /* of the table of live blocks: some thousands */

static char g_text[8192];

/* The number behind key in the text of a file; false when there is none, or no file. */
static bool number_in(const char *path, const char *key, uint64_t *v)
{
	long n = sys_read_file(path, g_text, sizeof(g_text) - 1);

	if (n <= 0)
		return false;
	g_text[n] = 0;
	const char *p = strstr(g_text, key);

	if (!p)
		return false;
	p += strlen(key);
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p < '0' || *p > '9')
		return false; /* "max" */
	for (*v = 0; *p >= '0' && *p <= '9'; p++)
		*v = *v * 10 + (uint64_t)(*p - '0');
	return true;
}

/* Of the group itself; that of groups above it is not looked at. */
static bool left_in_group(uint64_t *left)
{
	char group[1024], path[1200];
	long n = sys_read_file("/proc/self/cgroup", g_text, sizeof(g_text) - 1);
	uint64_t most, now;

	if (n <= 0)
		return false;
	g_text[n] = 0;
	const char *p = strstr(g_text, "0::/");
	struct text name = TEXT(group);

	if (!p)
		return false;
	text_mem(&name, p + 3, strcspn(p + 3, "\n"));
	struct text t = TEXT(path);
	text_str(&t, "/sys/fs/cgroup");
	text_str(&t, group);
	text_str(&t, "/memory.max");
	if (!number_in(path, "", &most))
		return false;
	t = TEXT(path);
	text_str(&t, "/sys/fs/cgroup");
	text_str(&t, group);
	text_str(&t, "/memory.current");
	if (!number_in(path, "", &now))
		return false;
	*left = most > now ? most - now : 0;
	return true;
}

static uint64_t live_blocks(void)
{
	uint64_t allocs = 0, frees = 0;
	uint32_t n = site_count();

	for (uint32_t i = 1; i <= n; i++) {
		const struct site *s = site_get(i);

		if (s) {
			allocs += __atomic_load_n(&s->allocs, __ATOMIC_RELAXED);
			frees += __atomic_load_n(&s->frees, __ATOMIC_RELAXED);
		}
	}
	return allocs > frees ? allocs - frees : 0;
}

bool reach_memory_is_little(void)
{
	return live_bytes_used() <= LITTLE;
}

bool reach_memory_is_short(char *why, size_t size)
{
	uint64_t want = live_blocks() * BYTES_A_BLOCK + BYTES_AT_ALL, left, have = ~0ull;
	struct text t = {why, why + size - 1};

	if (number_in("/proc/meminfo", "MemAvailable:", &left))
		have = left * 1024;
	if (left_in_group(&left) && left < have)
		have = left;
	if (want <= have)
		return false;
	text_str(&t, "marking takes ");
	text_u64(&t, want >> 20);
	text_str(&t, " MB of memory, and ");
	text_u64(&t, have >> 20);
	text_str(&t, " MB are left");
	return true;
}
