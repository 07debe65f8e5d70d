/*
 * track_trace.c - rings of waits: see trace.h. A ring is written by its thread alone; the lock is
 * for handing rings out. Context: any thread, signal handlers too, while the program is about to
 * wait or has just waited: no system call but for a thread's first wait.
 */
#include "trace.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "fd.h"
#include "format.h"
#include "process.h"
#include "seccomp.h"
#include "stack.h"
#include "task.h"
#include "track.h"
#include "words.h"

_Static_assert(STACK_MAX <= 1u << 24, "a stack and a kind in one word");

struct trace_ring {
	struct trace_view view; /* number 0: nobody's, or changing; `waits` is known by `ended` */
	uint64_t begun, ended;  /* waits that were begun to be written; that are written */
	struct trace_wait now;  /* begin 0: none */
	uintptr_t now_sp;       /* where it waits; the thread's own */
	struct trace_wait wait[];
};

bool g_track_waits;
static uint32_t g_room, g_most;
static struct trace_ring *g_ring[TRACE_RINGS];
static uint32_t g_rings;
static uint64_t g_number, g_lost, g_forgotten;
static struct sys_lock g_lock;

static TLS struct trace_ring *t_ring;
static TLS bool t_refused; /* no ring for this thread, now or ever */
static TLS bool t_async;

static size_t ring_bytes(void)
{
	return sizeof(struct trace_ring) + g_room * sizeof(struct trace_wait);
}

void trace_init(uint64_t waits)
{
	if (!waits)
		return;
	g_room = TRACE_LEAST;
	while (g_room < waits && g_room < TRACE_MOST)
		g_room *= 2;
	g_most = (uint32_t)(TRACE_ALL_BYTES / ring_bytes());
	if (g_most > TRACE_RINGS)
		g_most = TRACE_RINGS;
	g_track_waits = true;
	trace_thread_begin();
}

/* ---- rings for threads; under the lock ---- */

static struct trace_ring *new_ring(void)
{
	if (g_rings >= g_most)
		return NULL;
	struct trace_ring *r = sys_map(ring_bytes());

	if (r) {
		__atomic_store_n(&g_ring[g_rings], r, __ATOMIC_RELEASE);
		__atomic_store_n(&g_rings, g_rings + 1, __ATOMIC_RELEASE);
	}
	return r;
}

/* Nobody's, or else of the thread that ended first. */
static struct trace_ring *old_ring(void)
{
	struct trace_ring *best = NULL;

	for (uint32_t i = 0; i < g_rings; i++) {
		struct trace_ring *r = g_ring[i];

		if (!r->view.number)
			return r;
		if (r->view.ended_ns && (!best || r->view.ended_ns < best->view.ended_ns))
			best = r;
	}
	if (best)
		WORD_ADD(&g_forgotten, 1);
	return best;
}

static void give(struct trace_ring *r)
{
	struct trace_view v = {.tid = (uint32_t)sys_gettid(), .born_ns = sys_now_ns()};
	const struct task_view *task = t_self.task ? task_own(t_self.task) : NULL;

	if (task) {
		v.serial = task->serial;
		v.creator = task->creator;
		v.born_ns = task->born_ns;
		v.flags = task->flags;
		v.stack = task->stack;
		v.start = task->start;
	}
	WORD_SET(&r->view.number, 0);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	WORD_SET(&r->begun, 0);
	WORD_SET(&r->ended, 0);
	WORD_SET(&r->now.begin_ns, 0);
	WORDS_COPY(&r->view, &v);
	__atomic_store_n(&r->view.number, ++g_number, __ATOMIC_RELEASE);
}

static void keep(struct trace_ring *r, const struct trace_wait *wait)
{
	uint64_t i = r->begun;

	WORD_SET(&r->begun, i + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	WORDS_COPY(&r->wait[i & (g_room - 1)], wait);
	__atomic_store_n(&r->ended, i + 1, __ATOMIC_RELEASE);
}

/* The wait that the thread was in has been left without a word, some time before. */
static COLD void keep_left(struct trace_ring *r, uint64_t before_ns)
{
	struct trace_wait left = r->now;

	left.what |= FMT_SPAN_LEFT;
	left.end_ns = before_ns;
	keep(r, &left);
	WORD_SET(&r->now.begin_ns, 0);
}

/* Guard first, lock second: a handler of this thread must never want the lock again. */
static uint32_t enter(void)
{
	uint32_t flags = t_self.flags;

	t_self.flags = flags | IN_TRACKER;
	sys_lock(&g_lock);
	return flags;
}

static void leave(uint32_t flags)
{
	sys_unlock(&g_lock);
	t_self.flags = flags;
}

void trace_thread_begin(void)
{
	if (!g_track_waits || t_ring || t_refused)
		return;
	uint32_t flags = enter();
	struct trace_ring *r = new_ring();

	if (!r)
		r = old_ring();
	if (r) {
		give(r);
		t_ring = r;
	} else {
		WORD_ADD(&g_lost, 1);
		t_refused = true;
	}
	leave(flags);
}

void trace_thread_end(void)
{
	struct trace_ring *r = t_ring;
	char name[sizeof(r->view.name)] __attribute__((aligned(8))) = "";

	t_refused = true;
	if (!r)
		return;
	uint32_t flags = enter();

	t_ring = NULL;
	if (!g_seccomp_quiet)
		sys_call(SYS_prctl, PR_GET_NAME, name);
	words_copy(r->view.name, name, sizeof(name));
	uint64_t now = sys_now_ns();
	struct timespec cpu;

	if (!sys_clock(CLOCK_THREAD_CPUTIME_ID, &cpu))
		WORD_SET(&r->view.cpu_ns,
		         (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec);
	if (r->now.begin_ns)
		keep_left(r, now);
	WORD_SET(&r->view.ended_ns, now);
	leave(flags);
}

/* What was before the fork is the parent's, and so are the other threads. */
void trace_fork_child(void)
{
	sys_lock_reset(&g_lock);
	g_lost = g_forgotten = 0;
	for (uint32_t i = 0; i < g_rings; i++)
		WORD_SET(&g_ring[i]->view.number, 0);
	t_refused = false;
	if (!t_ring)
		return;
	give(t_ring);
	WORD_SET(&t_ring->view.born_ns, sys_now_ns());
}

/* ---- waits ---- */

/* A thread that makes its first hooked call by waiting. */
static COLD struct trace_ring *first_wait(void)
{
	if (t_refused)
		return NULL;
	if (g_track_thread_begin)
		g_track_thread_begin();
	t_refused = !t_ring;
	return t_ring;
}

/*
 * Does the thread still wait as it did, and this is a signal's handler? Else it has left that wait
 * by longjmp, or was cancelled and cleans up. Handlers may have a stack of their own, which may lie
 * anywhere.
 */
static COLD bool is_interrupted(const struct trace_ring *r, uint32_t stack, uintptr_t sp)
{
	stack_t s = {.ss_flags = 0};
	struct stack_node node;
	bool in_handler = !stack;

	for (uint32_t i = stack_leaf(stack); i && stack_node(i, &node); i = node.parent)
		in_handler |= node.flags & FMT_NODE_SIGNAL;
	if (!in_handler)
		return false;
	return r->now_sp > sp || g_seccomp_quiet ||
	       (!sys_call(SYS_sigaltstack, NULL, &s) && s.ss_flags & SS_ONSTACK);
}

static void put_now(struct trace_ring *r, const struct trace_wait *now, uintptr_t sp)
{
	WORD_SET(&r->now.begin_ns, 0);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	WORD_SET(&r->now.object, now->object);
	WORD_SET(&r->now.what, now->what);
	WORD_SET(&r->now.other, now->other);
	__atomic_store_n(&r->now.begin_ns, now->begin_ns, __ATOMIC_RELEASE);
	r->now_sp = sp;
}

static void begin(struct track_wait *w, unsigned kind, uint64_t object, uint32_t other,
                  const struct caller *from)
{
	w->ring = NULL;
	if ((t_self.flags & (IN_TRACKER | IN_HEAP | PAST_END)) || !process_owns_tables())
		return;
	struct trace_ring *r = likely(t_ring) ? t_ring : first_wait();

	if (!r)
		return;
	struct trace_wait now = {sys_now_ns(), 0, object, fd_capture(from) << 8 | kind, other};

	w->ring_number = r->view.number;
	w->begin_ns = now.begin_ns;
	w->object = object;
	w->what = now.what;
	w->other = other;
	uint32_t flags = t_self.flags;

	t_self.flags = flags | IN_TRACKER; /* handlers that wait leave the ring alone */
	if (unlikely(r->now.begin_ns) && !is_interrupted(r, trace_stack(now.what), from->sp))
		keep_left(r, now.begin_ns);
	w->outer_ns = r->now.begin_ns;
	w->outer_sp = r->now_sp;
	w->outer_object = r->now.object;
	w->outer_what = r->now.what;
	w->outer_other = r->now.other;
	put_now(r, &now, from->sp);
	w->ring = r;
	t_self.flags = flags;
}

static void end(const struct track_wait *w)
{
	struct trace_ring *r = w->ring;
	struct trace_wait outer = {w->outer_ns, 0, w->outer_object, w->outer_what, w->outer_other};
	struct trace_wait wait = {w->begin_ns, sys_now_ns(), w->object, w->what, w->other};

	/* A fork in a handler has made another process of it. */
	if (r->view.number != w->ring_number || r != t_ring)
		return;
	uint32_t flags = t_self.flags;

	t_self.flags = flags | IN_TRACKER;
	put_now(r, &outer, w->outer_sp);
	if (wait.end_ns - wait.begin_ns >= TRACE_BRIEF_NS) {
		keep(r, &wait);
	} else {
		WORD_ADD(&r->view.brief, 1);
		WORD_ADD(&r->view.brief_ns, wait.end_ns - wait.begin_ns);
	}
	t_self.flags = flags;
}

/* Nothing here may be left half done by a cancellation; the way back acts upon one. */
static COLD void defer(bool is_deferred)
{
	int was;

	pthread_setcanceltype(is_deferred ? PTHREAD_CANCEL_DEFERRED : PTHREAD_CANCEL_ASYNCHRONOUS,
	                      &was);
}

void track_wait_begin(struct track_wait *w, unsigned kind, uint64_t object, uint32_t other,
                      const struct caller *from)
{
	if (unlikely(t_async))
		defer(true);
	begin(w, kind, object, other, from);
	if (unlikely(t_async))
		defer(false);
}

void track_wait_end(struct track_wait *w)
{
	if (unlikely(t_async))
		defer(true);
	end(w);
	if (unlikely(t_async))
		defer(false);
}

void track_wait_async(bool is_async)
{
	t_async = is_async;
}

/* ---- for the snapshot child ---- */

uint32_t trace_rings(void)
{
	return __atomic_load_n(&g_rings, __ATOMIC_ACQUIRE);
}

uint32_t trace_room(void)
{
	return g_room;
}

static bool is_still(const struct trace_ring *r, uint64_t number)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return WORD_GET(&r->view.number) == number;
}

bool trace_get(uint32_t ring, struct trace_view *out)
{
	const struct trace_ring *r = g_ring[ring];
	uint64_t number = __atomic_load_n(&r->view.number, __ATOMIC_ACQUIRE);

	if (!number)
		return false;
	WORDS_COPY(out, &r->view);
	out->waits = __atomic_load_n(&r->ended, __ATOMIC_ACQUIRE);
	return is_still(r, number);
}

bool trace_wait_at(uint32_t ring, uint64_t number, uint64_t i, struct trace_wait *out)
{
	const struct trace_ring *r = g_ring[ring];

	if (i >= __atomic_load_n(&r->ended, __ATOMIC_ACQUIRE))
		return false;
	WORDS_COPY(out, &r->wait[i & (g_room - 1)]);
	/* Being overwritten? */
	return is_still(r, number) && WORD_GET(&r->begun) <= i + g_room;
}

bool trace_wait_now(uint32_t ring, uint64_t number, struct trace_wait *out)
{
	const struct trace_ring *r = g_ring[ring];
	uint64_t begin = __atomic_load_n(&r->now.begin_ns, __ATOMIC_ACQUIRE);

	if (!begin)
		return false;
	WORDS_COPY(out, &r->now);
	out->end_ns = 0;
	return is_still(r, number) && WORD_GET(&r->now.begin_ns) == begin && out->begin_ns == begin;
}

void trace_stats(struct trace_stats *out)
{
	out->lost = WORD_GET(&g_lost);
	out->forgotten = WORD_GET(&g_forgotten);
	out->bytes = trace_rings() * ring_bytes();
}
