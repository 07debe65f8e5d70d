/*
 * verify.c - see verify.h. Counts what is left, in the tables; what a rule would say of it only the
 * analyzer knows. Reads the tables as the snapshot child does. Context: a call of the program
 * through api.c, no signal handler; one thread at a time.
 */
#include "verify.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "context.h"
#include "fd.h"
#include "intended.h"
#include "live.h"
#include "options.h"
#include "outlive.h"
#include "reach.h"
#include "snapshot.h"
#include "stack.h"
#include "sys.h"
#include "task.h"
#include "tests.h"
#include "timer.h"
#include "track.h"

static struct sys_lock g_lock; /* only ever tried */

/* ---- threads, timers, descriptors ---- */

static uint64_t threads_left(const struct tests_span *s)
{
	uint32_t n = task_slots();
	uint64_t left = 0;
	struct task_view v;

	for (uint32_t i = 0; i < n; i++) {
		if (!task_get(i, &v) || v.born_ns < s->begin_ns ||
		    v.flags & (FMT_TASK_FLAG_MAIN | FMT_TASK_FLAG_ADOPTED | FMT_TASK_FLAG_NOTIFY))
			continue;
		if (v.state != FMT_TASK_RUNNING && v.flags & FMT_TASK_FLAG_DETACHED)
			continue;
		left += !intended_thread(v.serial);
	}
	return left;
}

static uint64_t timers_left(const struct tests_span *s)
{
	uint32_t n = timer_slots();
	uint64_t left = 0;
	struct timer_view v;

	for (uint32_t i = 0; i < n; i++)
		if (timer_get(i, &v) && v.born_ns >= s->begin_ns &&
		    (v.kind == FMT_TIMER_POSIX || (v.value_ns && v.interval_ns)))
			left += !intended_timer(v.serial);
	return left;
}

static uint64_t fds_left(uint32_t span)
{
	uint32_t n = fd_limit();
	uint64_t left = 0;
	struct fd_view v;

	for (uint32_t i = 3; i < n; i++)
		if (fd_get(i, &v) && tests_made_fd(span, i, &v) &&
		    !(v.flags & (FMT_FD_FLAG_INHERITED | FMT_FD_FLAG_OWN | FMT_FD_FLAG_LIBC)))
			left += !intended_fd(i, &v);
	return left;
}

static uint64_t look(struct outlive_verify *v, uint32_t span, const struct tests_span *s)
{
	v->threads = v->what & OUTLIVE_THREADS ? threads_left(s) : 0;
	v->timers = v->what & OUTLIVE_TIMERS ? timers_left(s) : 0;
	v->fds = v->what & OUTLIVE_FDS ? fds_left(span) : 0;
	return v->threads + v->timers + v->fds;
}

static bool others_run(void)
{
	uint32_t n = task_slots(), me = (uint32_t)sys_gettid();
	struct task_view v;

	for (uint32_t i = 0; i < n; i++)
		if (task_get(i, &v) && v.state == FMT_TASK_RUNNING && v.tid != me)
			return true;
	return task_unborn() != 0;
}

static void settle(struct outlive_verify *v, uint32_t span, const struct tests_span *s)
{
	uint64_t end = sys_now_ns() + v->settle_ms * 1000000ull;
	struct timespec pause = {0, 1000000};

	/* One that is on its way to its first instruction is not counted yet. */
	while ((look(v, span, s) || task_unborn()) && others_run() && sys_now_ns() < end) {
		sys_call(SYS_nanosleep, &pause, NULL);
		if (pause.tv_nsec < 50000000)
			pause.tv_nsec *= 2;
	}
}

/* ---- the heap ---- */

struct heap {
	struct tests_sum *grown; /* by stack; what is found is taken out of it */
	uint32_t n;
	uint64_t blocks, bytes;
};

/* Of a stack that had blocks before, which ones are new cannot be told: as many as grew. */
static void add_lost(uintptr_t address, const struct block *b, void *arg)
{
	const struct site *site = site_get(b->site);
	struct heap *h = arg;
	uint32_t owner;
	uint32_t stack = site ? __atomic_load_n(&site->stack, __ATOMIC_ACQUIRE) : 0;

	if (stack >= h->n || (int64_t)h->grown[stack].blocks <= 0)
		return;
	unsigned class = reach_class(address, b, &owner);
	if (class != FMT_REACH_LOST && class != FMT_REACH_INDIRECT)
		return;
	h->grown[stack].blocks--;
	h->blocks++;
	h->bytes += b->size;
}

static bool measure_growth(struct heap *h)
{
	h->n = stack_count() + 1;
	h->grown = sys_map(h->n * sizeof(*h->grown));
	if (!h->grown)
		return false;
	tests_live(h->grown, h->n);
	tests_less_base(h->grown, h->n);
	for (uint32_t i = 1; i < h->n; i++)
		if ((int64_t)h->grown[i].blocks > 0) {
			h->blocks += h->grown[i].blocks;
			h->bytes += (int64_t)h->grown[i].bytes > 0 ? h->grown[i].bytes : 0;
		}
	return h->blocks != 0;
}

/* True: the scan's results stand, and are to be taken back. */
static bool look_at_heap(struct outlive_verify *v, const void *frame)
{
	struct heap h = {.blocks = 0};
	bool scanned = false;

	if (!(v->what & (OUTLIVE_HEAP | OUTLIVE_GROWTH)) || !track_has(TRACK_HEAP) ||
	    g_sample_period)
		return false;
	if (measure_growth(&h) && !(v->what & OUTLIVE_GROWTH)) {
		scanned = true;
		h.blocks = h.bytes = 0;
		if (reach_look(frame))
			live_walk(add_lost, &h);
		else
			v->heap_unknown = 1;
	}
	v->blocks = h.blocks;
	v->bytes = h.bytes;
	if (h.grown)
		sys_unmap(h.grown, h.n * sizeof(*h.grown));
	return scanned;
}

/* ---- words ---- */

static void add_count(struct text *t, uint64_t n, const char *one, uint64_t *before)
{
	if (!n)
		return;
	text_str(t, *before ? ", " : "");
	text_u64(t, n);
	text_str(t, " ");
	text_str(t, one);
	text_str(t, n == 1 ? "" : "s");
	*before += n;
}

static void say(struct outlive_verify *v, const struct tests_span *s)
{
	struct text t = TEXT(v->text);
	uint64_t n = 0;

	if (*tests_name(s)) {
		text_str(&t, tests_name(s));
		text_str(&t, ": ");
	}
	add_count(&t, v->blocks, v->what & OUTLIVE_GROWTH ? "more block" : "lost block", &n);
	add_count(&t, v->threads, "thread", &n);
	add_count(&t, v->timers, "timer", &n);
	add_count(&t, v->fds, "descriptor", &n);
	text_str(&t, n ? " left since the checkpoint" : "nothing is left since the checkpoint");
	if (v->heap_unknown) {
		text_str(&t, "; of the heap nothing is known: ");
		text_str(&t, g_reach_report.why);
	}
	if (n && !v->by_names)
		text_str(&t, " (counts only: no analyzer answers here, `outlive run` would)");
}

/* ---- the analyzer's verdict ---- */

static uint64_t number(const char **at)
{
	uint64_t n = 0;

	while (**at == ' ')
		++*at;
	for (; **at >= '0' && **at <= '9'; ++*at)
		n = n * 10 + (uint64_t)(**at - '0');
	return n;
}

/* "judged BLOCKS BYTES THREADS TIMERS FDS\n", and text. */
static bool take_answer(struct outlive_verify *v, const char *answer)
{
	const char *at = answer + 7;
	struct text t = TEXT(v->text);

	if (strncmp(answer, "judged ", 7))
		return false;
	if (!(v->what & OUTLIVE_GROWTH)) {
		v->blocks = number(&at);
		v->bytes = number(&at);
	} else {
		number(&at);
		number(&at);
	}
	v->threads = number(&at);
	v->timers = number(&at);
	v->fds = number(&at);
	v->by_names = 1;
	text_str(&t, *at ? at + 1 : at);
	return true;
}

static void judge(struct outlive_verify *v, const struct tests_span *s)
{
	static char answer[VERIFY_ANSWER];
	struct snapshot_request r = {.reason = FMT_REASON_API,
	                             .exit_status = -1,
	                             .label = "outlive_verify_none",
	                             .wait = true};

	say(v, s);
	if (!*g_options.answer)
		return;
	if (snapshot_take(&r) || verify_ask(snapshot_path(), answer))
		return;
	if (take_answer(v, answer) && v->blocks && !v->text[0])
		say(v, s); /* blocks that are there by right, but more of them */
}

static void begin(struct outlive_verify *v)
{
	const uint32_t all = OUTLIVE_HEAP | OUTLIVE_THREADS | OUTLIVE_TIMERS | OUTLIVE_FDS;

	v->what = v->what ? v->what : all;
	v->settle_ms = v->settle_ms ? v->settle_ms : 1000;
	v->blocks = v->bytes = v->threads = v->timers = v->fds = 0;
	v->by_names = v->heap_unknown = 0;
	v->text[0] = 0;
}

static int verify(struct outlive_verify *v, const void *frame)
{
	struct tests_span s;
	uint32_t span;

	begin(v);
	if (!tests_open(&span) || !tests_get(span, &s))
		return -1;
	settle(v, span, &s);
	bool scanned = look_at_heap(v, frame);
	uint64_t left = v->blocks + v->threads + v->timers + v->fds;
	if (left || v->heap_unknown)
		judge(v, &s);
	if (scanned)
		reach_exit_undo();
	left = v->blocks + v->threads + v->timers + v->fds;
	return left < 1000000 ? (int)left : 1000000;
}

int verify_none(struct outlive_verify *v, const void *frame)
{
	static struct outlive_verify none, own;

	if (t_self.flags & IN_TRACKER || !sys_try_lock(&g_lock))
		return -1;
	/* Not on the program's stack: room there would lie over dead frames, and keep alive what
	 * those pointed to. */
	own = v ? *v : none;
	int left = verify(&own, frame);
	if (v)
		*v = own;
	sys_unlock(&g_lock);
	return left;
}

void verify_fork_child(void)
{
	sys_lock_reset(&g_lock);
}
