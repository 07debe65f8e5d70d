/*
 * snap_allocator.c - the program's allocator: its own figures, for the audit, and the wish that it
 * give back what it caches. Asks only the one that serves the program, and only through functions
 * that others have looked up. Context: what takes the allocator's locks runs in hooks, as
 * snapshot.h says; the child only reads what they have found.
 */
#include "context.h"
#include "mem.h"
#include "snap.h"
#include "stack.h"
#include "sys.h"
#include "track.h"

#include <time.h>

static struct snapshot_allocator g_allocator;

/* As of the last refresh. Written by hooks, read by the child: the time is stored last. */
static struct {
	uint64_t when_ns;
	bool has_mallinfo, has_jemalloc;
	uint64_t inuse, held, allocated, resident;
} g_figures;

/* Older figures would be held against newer tables: then none are better. */
#define FIGURES_FRESH_NS 100000000u

void snapshot_set_allocator(const struct snapshot_allocator *a)
{
	g_allocator = *a;
}

static const struct stack_module *module_at(uintptr_t address)
{
	for (uint32_t i = stack_module_count(); address && i; i--) {
		const struct stack_module *m = stack_module(i);

		if (m && address >= m->start && address < m->end &&
		    !__atomic_load_n(&m->unloaded_ns, __ATOMIC_RELAXED))
			return m;
	}
	return NULL;
}

static uint64_t ask_jemalloc(const char *name)
{
	size_t v = 0, size = sizeof(v);

	return g_allocator.mallctl(name, &v, &size, NULL, 0) ? 0 : v;
}

/* Only the allocator that serves the program is asked: mallinfo2 of a libc whose malloc nobody
 * calls would set it up and report zeros. */
static bool serves(const void *function)
{
	const struct stack_module *served = module_at((uintptr_t)g_allocator.malloc);

	return served && function && module_at((uintptr_t)function) == served;
}

/* Pages of this process: all that are resident, and those of them that are files'. */
static void resident(uint64_t *all, uint64_t *files)
{
	char text[128];
	long n = sys_read_file("/proc/self/statm", text, sizeof(text)), i = 0;
	uint64_t field[3] = {0};

	for (int k = 0; k < 3; k++, i++)
		for (; i < n && text[i] >= '0' && text[i] <= '9'; i++)
			field[k] = field[k] * 10 + (uint64_t)(text[i] - '0');
	*all = field[1] * MEM_PAGE;
	*files = field[2] * MEM_PAGE;
}

/*
 * mallinfo2 goes to each free block of the heap, a cache miss each: to millions of them where a
 * program has given back all that it had, 7 % of perl's time. What they may be at most is known
 * without it.
 */
static bool is_dear(void)
{
	enum { FREE_BLOCK = 64, MISS_NS = 50, LEAST_NS = 5000000, SHARE = 50 };
	struct timespec cpu;
	uint64_t all, files;

	if (sys_clock(CLOCK_PROCESS_CPUTIME_ID, &cpu))
		return false;
	resident(&all, &files);
	int64_t free_bytes = (int64_t)(all - files) - context_live_bytes();
	uint64_t used_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;

	return free_bytes > 0 &&
	       (uint64_t)free_bytes / FREE_BLOCK * MISS_NS > LEAST_NS + used_ns / SHARE;
}

static void refresh_figures(bool at_end)
{
	g_figures.has_jemalloc = serves(*(void **)&g_allocator.mallctl);
	g_figures.has_mallinfo = serves(*(void **)&g_allocator.mallinfo2) &&
	                         !g_figures.has_jemalloc && !(at_end && is_dear());
	if (g_figures.has_jemalloc) {
		uint64_t epoch = 1;

		g_allocator.mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
		g_figures.allocated = ask_jemalloc("stats.allocated");
		g_figures.resident = ask_jemalloc("stats.resident");
	}
	if (g_figures.has_mallinfo) {
		struct mallinfo2 m = g_allocator.mallinfo2();

		g_figures.inuse = m.uordblks + m.hblkhd;
		g_figures.held = m.arena + m.hblkhd;
	}
}

static struct sys_lock g_lock;

void snapshot_audit_refresh(bool at_end)
{
	uint32_t flags = t_self.flags;

	t_self.flags = flags | IN_TRACKER | IN_HEAP;
	if (sys_try_lock(&g_lock)) {
		__atomic_store_n(&g_figures.when_ns, 0, __ATOMIC_RELEASE);
		refresh_figures(at_end);
		__atomic_store_n(&g_figures.when_ns, sys_now_ns(), __ATOMIC_RELEASE);
		sys_unlock(&g_lock);
	}
	t_self.flags = flags;
}

/* ---- what it caches ---- */

/* Of all arenas: 4096 stands for that since jemalloc 5, their number before. */
static void trim_jemalloc(void)
{
	unsigned arenas = 0;
	size_t size = sizeof(arenas);
	char name[64];
	struct text t = TEXT(name);

	g_allocator.mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	if (!g_allocator.mallctl("arena.4096.purge", NULL, NULL, NULL, 0) ||
	    g_allocator.mallctl("arenas.narenas", &arenas, &size, NULL, 0))
		return;
	text_str(&t, "arena.");
	text_u64(&t, arenas);
	text_str(&t, ".purge");
	g_allocator.mallctl(name, NULL, NULL, NULL, 0);
}

static bool trim(void)
{
	if (serves(*(void **)&g_allocator.mallctl))
		trim_jemalloc();
	else if (serves(*(void **)&g_allocator.tc_release))
		g_allocator.tc_release();
	else if (serves(*(void **)&g_allocator.mi_collect))
		g_allocator.mi_collect(true);
	else if (serves(*(void **)&g_allocator.malloc_trim))
		g_allocator.malloc_trim(0);
	else
		return false;
	return true;
}

bool snapshot_trim(uint64_t *before, uint64_t *after)
{
	uint32_t flags = t_self.flags;
	uint64_t files;
	bool done = false;

	*before = *after = 0;
	t_self.flags = flags | IN_TRACKER | IN_HEAP;
	if (sys_try_lock(&g_lock)) {
		resident(before, &files);
		done = trim();
		resident(after, &files);
		sys_unlock(&g_lock);
	}
	t_self.flags = flags;
	return done;
}

/* ---- for the child ---- */

const char *snap_allocator_path(void)
{
	const struct stack_module *m = module_at((uintptr_t)g_allocator.malloc);

	return m ? m->path : NULL;
}

const char *snap_allocator_unseen(void)
{
	return g_allocator.unseen;
}

void snap_audit_allocator(struct snap_out *o, const struct snap_job *j)
{
	uint64_t when = __atomic_load_n(&g_figures.when_ns, __ATOMIC_ACQUIRE);

	if (j->request.trimmed) {
		snap_pair(o, FMT_AUDIT_TRIM_RSS_BEFORE, j->request.rss_before);
		snap_pair(o, FMT_AUDIT_TRIM_RSS_AFTER, j->request.rss_after);
	}
	if (!when || j->begin_ns - when > FIGURES_FRESH_NS)
		return;
	if (g_figures.has_mallinfo) {
		snap_pair(o, FMT_AUDIT_MALLOC_INUSE, g_figures.inuse);
		snap_pair(o, FMT_AUDIT_MALLOC_ARENA, g_figures.held);
	}
	if (g_figures.has_jemalloc) {
		snap_pair(o, FMT_AUDIT_JEMALLOC_ALLOCATED, g_figures.allocated);
		snap_pair(o, FMT_AUDIT_JEMALLOC_RESIDENT, g_figures.resident);
	}
}
