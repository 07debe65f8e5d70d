/*
 * snap_copy.c - what a copy of the process tells of its end, in a page that it shares with the
 * process. Context: see snap.h at each function.
 */
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "snap.h"
#include "sys.h"

struct page {
	struct snap_name name;
	int result;
	uint32_t ended;
	uint64_t frozen_ns, clone_ns;
};
static struct page *g_page;

bool snap_copy_ready(void)
{
	if (!g_page) {
		void *at = sys_map(sizeof(*g_page));

		if (!at || sys_call(SYS_mmap, at, sizeof(*g_page), PROT_READ | PROT_WRITE,
		                    MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (long)at) {
			sys_unmap(at, sizeof(*g_page));
			return false;
		}
		g_page = at;
	}
	memset(g_page, 0, sizeof(*g_page));
	return true;
}

void snap_copy_set_frozen(uint64_t frozen_ns, uint64_t clone_ns)
{
	g_page->clone_ns = clone_ns;
	__atomic_store_n(&g_page->frozen_ns, frozen_ns, __ATOMIC_RELEASE);
}

void snap_copy_frozen(uint64_t *frozen_ns, uint64_t *clone_ns)
{
	struct timespec a_while = {0, 1000000};

	/* On a busy machine we may be done before the parent is told that its threads run. */
	for (int tries = 0; tries < 500; tries++) {
		*frozen_ns = __atomic_load_n(&g_page->frozen_ns, __ATOMIC_ACQUIRE);
		if (*frozen_ns)
			break;
		sys_call(SYS_nanosleep, &a_while, NULL);
	}
	*clone_ns = g_page->clone_ns;
}

void snap_copy_begun(const struct snap_name *name)
{
	g_page->name = *name;
}

void snap_copy_ended(const struct snap_name *name, int result)
{
	g_page->name = *name;
	g_page->result = result;
	__atomic_store_n(&g_page->ended, 1, __ATOMIC_RELEASE);
}

bool snap_copy_result(struct snap_name *name, int *result)
{
	bool ended = __atomic_load_n(&g_page->ended, __ATOMIC_ACQUIRE);

	*name = g_page->name;
	name->fd = -1;
	*result = g_page->result;
	return ended;
}

void snap_copy_fork_child(void)
{
	/* The parent's still. */
	sys_unmap(g_page, sizeof(*g_page));
	g_page = NULL;
}
