/*
 * control.c - see control.h. Owns what is in the control page, and decides when a snapshot is due.
 * Context: hooked calls and signal handlers, on any thread: no lock that is waited for, no
 * errno, raw system calls only.
 */
#include "control.h"

#include <errno.h>
#include <time.h>

#include "control_page.h"
#include "format.h"
#include "options.h"
#include "process.h"
#include "signals.h"
#include "snapshot.h"
#include "stack.h"
#include "sys.h"
#include "task.h"
#include "totals.h"
#include "track.h"

static bool g_tried;        /* the page is a file's, or could not be */
static bool g_hidden;       /* the image is at its end */
static uint32_t g_answered; /* the last request that a snapshot was begun for */
static bool g_reap_comes;   /* the next signal without a file is no request */
static uint64_t g_next_ns;  /* the interval's; 0 before the first look */

/* Who serves, and that somebody wants it once more: see control_poll(). */
static uint32_t g_serving, g_again;

/* Field 22 of /proc/self/stat. The second, the name, may hold anything, so counting starts behind
 * its end. */
static uint64_t start_ticks(void)
{
	char stat[1024];
	long n = sys_read_file("/proc/self/stat", stat, sizeof(stat) - 1), i = n;
	uint64_t v = 0;

	while (i > 0 && stat[i - 1] != ')')
		i--;
	for (int field = 2; i > 0 && i < n && field < 22; i++)
		field += stat[i] == ' ';
	for (; i > 0 && i < n && stat[i] >= '0' && stat[i] <= '9'; i++)
		v = v * 10 + (uint64_t)(stat[i] - '0');
	return v;
}

static void make_page(void)
{
	g_tried = true;
	g_answered = 0;
	if (!g_control_page)
		return;
	control_page_make();
	g_control_page->version = 1;
	g_control_page->pid = (uint32_t)sys_getpid();
	g_control_page->start_ticks = start_ticks();
	g_control_page->signal_number = (uint32_t)g_signals_control;
	if (track_has(TRACK_THREADS)) {
		task_describe(&g_control_page->live);
		stack_describe(&g_control_page->live);
	}
	__atomic_store_n(&g_control_page->state, FMT_CONTROL_READY, __ATOMIC_RELEASE);
	/* Last: a reader that sees it sees all. */
	__atomic_store_n(&g_control_page->magic, FMT_CONTROL_MAGIC, __ATOMIC_RELEASE);
	g_control = g_control_page;
}

/* Under a gate most processes have ended before anybody could ask them for something: who lives
 * for some milliseconds makes the page then, and one that idles when the signal comes. */
void control_init(void)
{
	control_page_init();
	if (!*g_options.tally)
		make_page();
}

/* ---- what is due ---- */

/* False: another is being written, try again. Any other failure is an answer, too. */
static bool take(const struct snapshot_request *r, bool signalled)
{
	/* The allocator's figures: a handler may have interrupted the allocator. */
	if (!signalled && !snapshot_busy() && process_may_ask_allocator())
		snapshot_audit_refresh(false);
	return snapshot_take(r) != -EBUSY;
}

/* False: not yet, for it may wait for the allocator's locks. Of the hooked calls, those of the heap
 * look at the page, and the program was about to take those locks in them. */
static bool trim_first(struct snapshot_request *r, bool signalled)
{
	struct fmt_control *c = g_control_page;

	if (__atomic_load_n(&c->flags, __ATOMIC_ACQUIRE) & FMT_REQUEST_TRIM &&
	    process_may_ask_allocator()) {
		if (signalled || snapshot_busy())
			return false;
		if (snapshot_trim(&r->rss_before, &r->rss_after)) {
			c->trim_before = r->rss_before;
			c->trim_after = r->rss_after;
		}
		__atomic_fetch_and(&c->flags, ~(uint32_t)FMT_REQUEST_TRIM, __ATOMIC_ACQ_REL);
	}
	/* It may have been done for this request before, when another was just being written. */
	r->rss_before = c->trim_before;
	r->rss_after = c->trim_after;
	r->trimmed = r->rss_before != 0;
	return true;
}

static void serve_request(bool signalled)
{
	struct fmt_control *c = g_control_page;
	struct snapshot_request r = {.reason = FMT_REASON_DEMAND, .exit_status = -1};

	if (!c)
		return;
	r.number = __atomic_load_n(&c->requested, __ATOMIC_ACQUIRE);
	r.label = c->label;
	if (r.number == g_answered && (g_control_has_file || !signalled))
		return;
	/* Without a file the signal is all there is: each first one asks for a snapshot, each
	 * second one that its writer be reaped. */
	if (!g_control_has_file && g_reap_comes) {
		g_reap_comes = false;
		return;
	}
	r.aside = __atomic_load_n(&c->flags, __ATOMIC_ACQUIRE) & FMT_REQUEST_ASIDE;
	r.reach = __atomic_load_n(&c->flags, __ATOMIC_ACQUIRE) & FMT_REQUEST_REACH;
	/* The handler came in the middle of our tables, or of the allocator: the hooked call that
	 * it has interrupted will look at the page. */
	if (r.reach && t_self.flags & (IN_TRACKER | IN_HEAP))
		return;
	signals_tell(&r);
	if (!trim_first(&r, signalled) || !take(&r, signalled))
		return;
	g_answered = r.number;
	g_reap_comes = true;
}

static void serve_interval(bool signalled)
{
	struct snapshot_request r = {.reason = FMT_REASON_INTERVAL, .exit_status = -1};
	uint64_t now;

	if (!g_options.interval)
		return;
	now = sys_coarse_ns();
	if (!g_next_ns) {
		g_next_ns = now + g_options.interval;
		return;
	}
	signals_tell(&r);
	if (now < g_next_ns || !take(&r, signalled))
		return;
	g_next_ns += g_options.interval;
	if (g_next_ns <= now)
		g_next_ns = now + g_options.interval;
}

static void serve_counts(void)
{
	struct fmt_control *c = g_control_page;
	struct totals t;

	if (!c)
		return;
	uint32_t asked = __atomic_load_n(&c->counts_asked, __ATOMIC_ACQUIRE);
	if (asked == c->counts_given)
		return;
	totals_read(&t);
	c->allocs = t.allocs;
	c->alloc_bytes = t.alloc_bytes;
	c->frees = t.frees;
	c->free_bytes = t.free_bytes;
	__atomic_store_n(&c->counts_given, asked, __ATOMIC_RELEASE);
}

static bool is_asked(void)
{
	const struct fmt_control *c = g_control_page;

	return c && (__atomic_load_n(&c->requested, __ATOMIC_RELAXED) != g_answered ||
	             __atomic_load_n(&c->counts_asked, __ATOMIC_RELAXED) != c->counts_given);
}

static void serve(bool signalled)
{
	snapshot_reap();
	if (g_hidden)
		return;
	control_page_look();
	if (!g_tried || g_control_lost)
		make_page();
	serve_counts();
	serve_request(signalled);
	serve_interval(signalled);
}

/*
 * One at a time. Whoever finds another at it (perhaps the very thread that this handler has
 * interrupted) leaves a mark, and the other looks once more: no request stays unseen.
 */
static void serve_all(bool signalled)
{
	if (!process_is_ours())
		return;
	__atomic_store_n(&g_again, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&g_again, __ATOMIC_SEQ_CST) &&
	       !__atomic_exchange_n(&g_serving, 1, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&g_again, 0, __ATOMIC_SEQ_CST);
		serve(signalled);
		__atomic_store_n(&g_serving, 0, __ATOMIC_SEQ_CST);
	}
}

/* Asked 240 times a second: only the look at the page where nothing is due. */
void control_poll(void)
{
	process_check_fork();

	snapshot_reap();
	control_page_look();
	if (g_tried && !g_control_lost && !g_options.interval && !is_asked())
		return;
	serve_all(false);
}

void control_signal(void)
{
	serve_all(true);
}

void control_yield(void)
{
	control_page_look();
	if (g_control)
		g_control->signal_number = 0;
}

/* ---- the end, and other beginnings ---- */

void control_hide(void)
{
	g_hidden = true;
	control_page_look();
	if (!g_control_has_file)
		return;
	__atomic_store_n(&g_control_page->state, FMT_CONTROL_OFF, __ATOMIC_SEQ_CST);
	control_page_unlink();
}

/* One that was killed in the middle keeps nobody for long. */
void control_settle(void)
{
	struct timespec a_while = {0, 1000000};

	for (int i = 0; i < 50; i++) {
		control_page_look();
		if (!g_control_has_file)
			break;
		if (!__atomic_load_n(&g_control_page->senders, __ATOMIC_SEQ_CST))
			break;
		sys_call(SYS_nanosleep, &a_while, NULL);
	}
}

void control_show(void)
{
	g_hidden = false;
	g_tried = false;
}

void control_fork_child(void)
{
	g_control = NULL;
	if (g_control_page)
		control_page_make_private();
	g_tried = g_hidden = g_reap_comes = false;
	g_next_ns = 0;
	g_serving = g_again = 0;
}
