/*
 * snap_scratch.c - memory of the writing, all of which can be given back when the writer is gone.
 * Context: the snapshot child (snap.h); the parent after it.
 */
#include <sys/mman.h>

#include "snap.h"
#include "sys.h"

static struct {
	void *p;
	size_t bytes;
} g_scratch[8];

void *snap_scratch(size_t bytes)
{
	for (size_t i = 0; i < sizeof(g_scratch) / sizeof(g_scratch[0]); i++) {
		if (g_scratch[i].p)
			continue;
		g_scratch[i].bytes = bytes;
		g_scratch[i].p = sys_map_apart(bytes);
		/* Read at random, and gone in a second. */
		if (g_scratch[i].p)
			sys_call(SYS_madvise, g_scratch[i].p, bytes, MADV_HUGEPAGE);
		return g_scratch[i].p;
	}
	return NULL;
}

void snap_scratch_free(void *p)
{
	for (size_t i = 0; p && i < sizeof(g_scratch) / sizeof(g_scratch[0]); i++) {
		if (g_scratch[i].p != p)
			continue;
		sys_unmap(p, g_scratch[i].bytes);
		g_scratch[i].p = NULL;
	}
}

void snap_scratch_free_all(void)
{
	for (size_t i = 0; i < sizeof(g_scratch) / sizeof(g_scratch[0]); i++)
		snap_scratch_free(g_scratch[i].p);
}
