/*
 * watch.c - see watch.h. Context: hooked calls, before or after the real call, signal handlers
 * among them; the lock is tried only, and IN_TRACKER is not held while a snapshot is taken.
 */
#include "watch.h"

#include <errno.h>

#include "context.h"
#include "format.h"
#include "options.h"
#include "process.h"
#include "snapshot.h"
#include "tests.h"
#include "track.h"

/* Smaller heaps are nobody's trouble: a percentage counts from here, and so does a peak. */
#define LEAST (1 << 20)

static struct sys_lock g_lock;
static bool g_started;
static int64_t g_next;    /* growth: at this size the next is due; 0 never */
static int64_t g_top;     /* highest since the peak was written last */
static int64_t g_written; /* size at that moment */

static int64_t next_growth(int64_t live)
{
	uint64_t by = g_options.growth;

	if (!by)
		return INT64_MAX;
	if (!(by & OPTIONS_PERCENT))
		return live + (int64_t)by;
	live = live < LEAST ? LEAST : live;
	return live + (int64_t)((double)live * (double)(by & ~OPTIONS_PERCENT) / 100);
}

/* Room for one context's changes, both ways. */
static void set_window(struct ctx *c, int64_t live)
{
	int64_t room = live / 256, growth = (int64_t)(g_options.growth & ~OPTIONS_PERCENT) / 16;

	if (g_options.growth && !(g_options.growth & OPTIONS_PERCENT) && growth < room)
		room = growth;
	room /= context_count() ? context_count() : 1;
	room = room < 4096 ? 4096 : room;
	c->high = c->live + room;
	c->low = g_options.peak ? c->live - room : INT64_MIN;
}

/* The lock is held. going: bytes that are about to be freed. */
static unsigned decide(int64_t live, int64_t going)
{
	if (live > g_top)
		g_top = live;
	if (g_options.peak && live - going < g_top - g_top / 200 && g_top >= LEAST &&
	    g_top > g_written + g_written / 100) {
		g_written = live > g_written ? live : g_written;
		g_top = live - going;
		return FMT_REASON_PEAK;
	}
	if (live >= g_next) {
		g_next = next_growth(live);
		return FMT_REASON_GROWTH;
	}
	return 0;
}

static int take(unsigned reason)
{
	struct snapshot_request r = {
	        .reason = reason, .exit_status = -1, .wait = reason == FMT_REASON_PEAK};

	if (!snapshot_busy() && process_may_ask_allocator())
		snapshot_audit_refresh(false);
	return snapshot_take(&r);
}

static void watch(uint64_t going)
{
	uint32_t flags = t_self.flags;
	struct ctx *c = t_self.ctx;
	unsigned reason = 0;

	if (!c || (flags & (IN_TRACKER | IN_HEAP)))
		return;
	t_self.flags = flags | IN_TRACKER;
	int64_t live = context_live_bytes();

	set_window(c, live);
	if (g_options.peak)
		tests_see_live(live);
	if (g_started && process_is_ours() && sys_try_lock(&g_lock)) {
		reason = decide(live, (int64_t)going);
		sys_unlock(&g_lock);
	}
	t_self.flags = flags;
	/* Another is being written: growth is due still, at the next look. */
	if (reason && take(reason) == -EBUSY && reason == FMT_REASON_GROWTH)
		__atomic_store_n(&g_next, live, __ATOMIC_RELAXED);
}

void watch_init(void)
{
	if (!g_options.growth && !g_options.peak)
		return;
	g_next = next_growth(0);
	g_context_watched = true;
	g_track_watch = watch;
}

void watch_start(void)
{
	g_started = g_context_watched;
}

void watch_end(void)
{
	int64_t live = context_live_bytes();

	if (!g_started || !g_options.peak || live < LEAST)
		return;
	/* Not below what was written, nor by less than is worth it. */
	if (live < g_top - g_top / 100 || live <= g_written + g_written / 100)
		return;
	g_written = live;
	struct snapshot_request r = {.reason = FMT_REASON_PEAK, .exit_status = -1, .wait = true};

	snapshot_take(&r);
}

void watch_fork_child(void)
{
	sys_lock_reset(&g_lock);
	g_written = g_top = 0;
	g_next = next_growth(context_live_bytes());
}
