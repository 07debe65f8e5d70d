/*
 * task_site.c - see task_site.h. Owns the sums, in chunks that are never moved or given back.
 * Context: under track_task.c's lock; counts and reads also by the snapshot child, without it.
 */
#include "task_site.h"

#include <stddef.h>
#include <string.h>

#include "words.h"

enum { SITE_CHUNK = 128, MAX_SITE_CHUNKS = 512, SITE_BUCKETS = 4096 };

static struct task_site *g_site_chunk[MAX_SITE_CHUNKS];
static uint32_t g_sites;
static uint32_t g_site_bucket[SITE_BUCKETS]; /* number of a site, from 1 */

static struct task_site *site_at(uint32_t i)
{
	return &g_site_chunk[i / SITE_CHUNK][i % SITE_CHUNK];
}

struct task_site *task_site_of(uint32_t stack, uintptr_t start)
{
	uint32_t *bucket = &g_site_bucket[(stack ^ start >> 4) * 0x9E3779B97F4A7C15ull >> 52 &
	                                  (SITE_BUCKETS - 1)];

	for (uint32_t i = *bucket; i; i = site_at(i - 1)->next)
		if (site_at(i - 1)->stack == stack && site_at(i - 1)->start == start)
			return site_at(i - 1);
	if (g_sites / SITE_CHUNK >= MAX_SITE_CHUNKS)
		return NULL;
	struct task_site **chunk = &g_site_chunk[g_sites / SITE_CHUNK];

	if (!*chunk && !(*chunk = sys_map(sizeof(**chunk) * SITE_CHUNK)))
		return NULL;
	struct task_site *s = site_at(g_sites);

	s->stack = stack;
	s->start = start;
	s->next = *bucket;
	*bucket = g_sites + 1;
	__atomic_store_n(&g_sites, g_sites + 1, __ATOMIC_RELEASE);
	return s;
}

void task_sites_forget(void)
{
	for (uint32_t i = 0; i < g_sites; i++)
		memset(&site_at(i)->count, 0,
		       sizeof(struct task_site) - offsetof(struct task_site, count));
}

uint32_t task_site_count(void)
{
	return __atomic_load_n(&g_sites, __ATOMIC_ACQUIRE);
}

void task_site_get(uint32_t i, struct task_site *out)
{
	WORDS_COPY(out, site_at(i));
}
