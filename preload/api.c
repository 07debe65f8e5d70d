/*
 * api.c - what a program may ask of us (outlive.h). Reads the tables as the snapshot child does:
 * without locks, while other threads go on. Context: any thread, no signal handler.
 */
#include <string.h>

#include "context.h"
#include "fd.h"
#include "format.h"
#include "intended.h"
#include "mem.h"
#include "outlive.h"
#include "process.h"
#include "snapshot.h"
#include "sys.h"
#include "task.h"
#include "tests.h"
#include "timer.h"
#include "totals.h"
#include "track.h"
#include "verify.h"

#define EXPORT __attribute__((visibility("default")))

static void heap(struct outlive_stats *s)
{
	struct totals t;

	totals_read(&t);
	s->allocs = t.allocs;
	s->alloc_bytes = t.alloc_bytes;
	s->frees = t.frees;
	s->free_bytes = t.free_bytes;
	s->live_blocks = s->allocs > s->frees ? s->allocs - s->frees : 0;
	s->live_bytes = s->alloc_bytes > s->free_bytes ? s->alloc_bytes - s->free_bytes : 0;
}

static void threads(struct outlive_stats *s)
{
	uint32_t slots = task_slots(), sites = task_site_count();
	struct task_view v;
	struct task_site site;

	for (uint32_t i = 0; i < slots; i++) {
		if (!task_get(i, &v))
			continue;
		if (v.state == FMT_TASK_RUNNING)
			s->live_threads++;
		else if (!(v.flags & FMT_TASK_FLAG_MAIN))
			s->unjoined_threads++;
	}
	for (uint32_t i = 0; i < sites; i++) {
		task_site_get(i, &site);
		s->threads_given_back += site.count;
	}
	s->threads_created = s->live_threads + s->unjoined_threads + s->threads_given_back;
}

static void timers(struct outlive_stats *s)
{
	uint32_t slots = timer_slots(), sites = timer_site_count();
	struct timer_view v;
	struct timer_site site;

	for (uint32_t i = 0; i < slots; i++)
		s->live_timers += timer_get(i, &v);
	for (uint32_t i = 0; i < sites; i++) {
		timer_site_get(i, &site);
		s->timers_created += site.created;
		s->timers_deleted += site.deleted;
	}
}

EXPORT int outlive_read_stats_v1(struct outlive_stats *stats, uint64_t size)
{
	struct outlive_stats s = {.size = size < sizeof(s) ? size : sizeof(s)};
	struct fd_totals fds;
	struct context_audit audit;

	if (!g_tracking || !process_is_ours())
		return -1;
	heap(&s);
	threads(&s);
	timers(&s);
	fd_totals(&fds);
	s.live_fds = fds.live;
	s.fds_opened = fds.opened;
	s.fds_closed = fds.closed;
	context_audit(&audit);
	for (size_t i = 0; i < sizeof(audit.lost) / sizeof(audit.lost[0]); i++)
		if (i != FMT_AUDIT_LOST_EARLY && i != FMT_AUDIT_LOST_NO_STACK)
			s.lost += audit.lost[i];
	s.lost += task_lost() + fd_lost() + timer_lost();
	/* A program that was built with a shorter structure has no room for more. */
	memcpy(stats, &s, s.size);
	return 0;
}

EXPORT int outlive_snapshot_v1(const char *label)
{
	struct snapshot_request r = {
	        .reason = FMT_REASON_API, .exit_status = -1, .label = label, .wait = true};

	if (!g_tracking || !process_is_ours())
		return -1;
	if (process_may_ask_allocator())
		snapshot_audit_refresh(false);
	return snapshot_take(&r) ? -1 : 0;
}

EXPORT int outlive_test_v1(int begin, const char *name)
{
	if (!g_tracking || !process_is_ours())
		return -1;
	if (begin)
		return tests_begin(name) ? 0 : -1;
	tests_end();
	return 0;
}

/* -1 and -2: a scope begins, and ends. */
EXPORT int outlive_intend_v1(int what, uint64_t id)
{
	if (!g_tracking || !process_is_ours())
		return -1;
	if (what == -1)
		return (int)intended_begin();
	if (what == -2)
		intended_end((uint32_t)id);
	else if (what < INTENDED_BLOCK || what > INTENDED_TIMER ||
	         !intended_add((enum intended_kind)what, id))
		return -1;
	return 0;
}

/* What calls that have returned have left on the stack would, within a later call's frame, keep
 * alive what they pointed to: the failing of a test, for instance, has room for a text there. */
static __attribute__((noinline)) void wipe_dead_stack(void)
{
	enum { OUR_FRAME = 512, MOST = 65536 };
	const struct mem_own *own = &t_mem_own;
	uintptr_t sp = ((uintptr_t)__builtin_frame_address(0) & ~7ul) - OUR_FRAME, low = own->lo;

	if (sp - low >= own->top - low)
		return;
	if (sp - low > MOST)
		low = sp - MOST;
	for (; low < sp; low += 8)
		*(volatile uint64_t *)low = 0;
}

/* What the caller keeps in registers is saved in this frame: above it all is the program's. */
EXPORT int outlive_verify_v1(struct outlive_verify *v, uint64_t size)
{
	__builtin_unwind_init();
	if (!g_tracking || !process_is_ours() || size != sizeof(*v))
		return -1;
	int left = verify_none(v, __builtin_frame_address(0));
	wipe_dead_stack();
	return left;
}
