/* trace_test.c - rings of waits: what is kept, what is overwritten, who gets a ring, and what a
 * reader sees. Stacks are numbers here: a caller's ip is the stack; stack 9 is in a signal's
 * handler. */
#include "preload/trace.h"

#include <errno.h>
#include <pthread.h>

#include "check.h"
#include "preload/fd.h"
#include "preload/format.h"
#include "preload/process.h"
#include "preload/seccomp.h"
#include "preload/stack.h"
#include "preload/task.h"
#include "preload/track.h"

/* ---- in place of the tables that it stands on ---- */

TLS struct self t_self;
void (*g_track_thread_begin)(void) = trace_thread_begin;
bool g_seccomp_quiet;
static struct task_view g_task = {.serial = 5, .tid = 1, .stack = 3, .start = 0x500};
static bool g_ours = true;

uint32_t fd_capture(const struct caller *from)
{
	return (uint32_t)from->ip;
}
bool process_owns_tables(void)
{
	return g_ours;
}
const struct task_view *task_own(const struct task *t)
{
	(void)t;
	return &g_task;
}
enum { IN_HANDLER = 9 };
uint32_t stack_leaf(uint32_t stack)
{
	return stack;
}
bool stack_node(uint32_t node, struct stack_node *out)
{
	*out = (struct stack_node){.flags = node == IN_HANDLER ? FMT_NODE_SIGNAL : 0};
	return true;
}

/* ---- shorthand ---- */

static struct track_wait wait_at(uint64_t object, uintptr_t stack, uintptr_t sp)
{
	struct track_wait w;

	track_wait_begin(&w, FMT_SPAN_READ, object, 2, &(struct caller){.ip = stack, .sp = sp});
	return w;
}

static void pass(uint64_t ns)
{
	for (uint64_t until = sys_now_ns() + ns; sys_now_ns() < until;)
		;
}

static void waits(uint64_t object)
{
	struct track_wait w = wait_at(object, 1, 1000);

	pass(TRACE_BRIEF_NS);
	OK(w.ring);
	track_wait_end(&w);
}

static struct trace_view view(uint32_t ring)
{
	struct trace_view v = {0};

	OK(trace_get(ring, &v));
	return v;
}

static uint64_t object_of(uint32_t ring, uint64_t i)
{
	struct trace_wait w;

	return trace_wait_at(ring, view(ring).number, i, &w) ? w.object : 0;
}

TEST(a_ring_that_is_full_keeps_the_latest)
{
	trace_init(17);
	EQ(trace_room(), 32);
	for (uint64_t i = 1; i <= 100; i++)
		waits(i);
	EQ(trace_rings(), 1);
	EQ(view(0).waits, 100);
	EQ(object_of(0, 99), 100);
	EQ(object_of(0, 68), 69);
	EQ(object_of(0, 67), 0);
	EQ(object_of(0, 100), 0);
}

TEST(without_the_option_there_is_none)
{
	trace_init(0);
	OK(!g_track_waits);
	EQ(trace_room(), 0);
	trace_thread_begin();
	EQ(trace_rings(), 0);
}

TEST(sizes_have_bounds)
{
	trace_init(UINT64_MAX);
	EQ(trace_room(), TRACE_MOST);
}

TEST(what_a_wait_was)
{
	struct trace_wait w;

	t_self.task = (struct task *)&g_task;
	trace_init(1);
	EQ(trace_room(), TRACE_LEAST);
	errno = 77;
	waits(4711);
	EQ(errno, 77);
	OK(trace_wait_at(0, view(0).number, 0, &w));
	EQ(trace_kind(w.what), FMT_SPAN_READ);
	EQ(trace_stack(w.what), 1);
	EQ(w.other, 2);
	OK(w.end_ns - w.begin_ns >= TRACE_BRIEF_NS);
	EQ(view(0).serial, 5);
	EQ(view(0).stack, 3);
	OK(!trace_wait_at(0, view(0).number + 1, 0, &w));
}

TEST(a_brief_one_is_counted_only)
{
	trace_init(16);
	/* A machine that stands still makes one longer now and then. */
	for (int i = 0; i < 1000; i++) {
		struct track_wait w = wait_at(1, 1, 1000);
		track_wait_end(&w);
	}
	OK(view(0).brief >= 900);
	EQ(view(0).brief + view(0).waits, 1000);
}

TEST(one_that_goes_on_is_seen)
{
	struct trace_wait now;

	trace_init(16);
	OK(!trace_wait_now(0, view(0).number, &now));
	struct track_wait w = wait_at(8, 1, 1000);
	OK(trace_wait_now(0, view(0).number, &now));
	EQ(now.object, 8);
	EQ(now.end_ns, 0);
	track_wait_end(&w);
	OK(!trace_wait_now(0, view(0).number, &now));
}

TEST(a_handlers_wait_lies_within)
{
	struct trace_wait now;

	trace_init(16);
	struct track_wait outer = wait_at(1, 1, 1000), inner = wait_at(2, IN_HANDLER, 500);
	OK(trace_wait_now(0, view(0).number, &now));
	EQ(now.object, 2);
	pass(TRACE_BRIEF_NS);
	track_wait_end(&inner);
	OK(trace_wait_now(0, view(0).number, &now));
	EQ(now.object, 1);
	track_wait_end(&outer);
	EQ(object_of(0, 0), 2);
	EQ(object_of(0, 1), 1);
}

TEST(one_that_longjmp_left_is_over_by_the_next)
{
	struct trace_wait w;

	trace_init(16);
	wait_at(1, 1, 500);
	pass(TRACE_BRIEF_NS);
	struct track_wait next = wait_at(2, 1, 400); /* deeper, but in no handler */
	OK(trace_wait_at(0, view(0).number, 0, &w));
	EQ(w.object, 1);
	EQ(trace_kind(w.what), FMT_SPAN_READ | FMT_SPAN_LEFT);
	EQ(w.end_ns, next.begin_ns);
	track_wait_end(&next);
}

TEST(one_that_was_cancelled_ends_with_its_thread)
{
	struct trace_wait w;

	trace_init(16);
	wait_at(1, 1, 500);
	trace_thread_end();
	OK(trace_wait_at(0, view(0).number, 0, &w));
	EQ(trace_kind(w.what), FMT_SPAN_READ | FMT_SPAN_LEFT);
	EQ(w.end_ns, view(0).ended_ns);
	/* and whatever a destructor waits for has no ring any more */
	OK(!wait_at(2, 1, 500).ring);
	trace_thread_begin();
	EQ(trace_rings(), 1);
}

TEST(not_while_we_are_at_work_nor_in_a_childs_name)
{
	trace_init(16);
	t_self.flags = IN_TRACKER;
	OK(!wait_at(1, 1, 500).ring);
	t_self.flags = IN_HEAP;
	OK(!wait_at(1, 1, 500).ring);
	t_self.flags = 0;
	g_ours = false;
	OK(!wait_at(1, 1, 500).ring);
	g_ours = true;
	OK(wait_at(1, 1, 500).ring);
}

static void *lives(void *arg)
{
	trace_thread_begin();
	waits((uintptr_t)arg);
	trace_thread_end();
	return NULL;
}

static void *refused(void *arg)
{
	trace_thread_begin();
	*(bool *)arg = !wait_at(1, 1, 500).ring;
	return NULL;
}

TEST(who_ended_first_makes_room)
{
	struct trace_stats s;
	pthread_t t;

	trace_init(TRACE_MOST);
	for (uintptr_t i = 1; i <= 70; i++) {
		pthread_create(&t, NULL, lives, (void *)i);
		pthread_join(t, NULL);
	}
	trace_stats(&s);
	OK(s.bytes <= TRACE_ALL_BYTES);
	EQ(s.forgotten, 71 - trace_rings());
	EQ(s.lost, 0);
	bool first = false, last = false;
	for (uint32_t i = 1; i < trace_rings(); i++) {
		first |= object_of(i, 0) == 1;
		last |= object_of(i, 0) == 70;
	}
	OK(!first);
	OK(last);
}

static pthread_barrier_t g_all;
static void *stays(void *arg)
{
	trace_thread_begin();
	pthread_barrier_wait(&g_all);
	pthread_barrier_wait(&g_all);
	return arg;
}

TEST(where_all_live_the_next_has_none)
{
	struct trace_stats s;
	pthread_t t[64], more;
	bool none = false;
	uint32_t n = 0;

	trace_init(TRACE_MOST);
	trace_stats(&s);
	n = (uint32_t)(TRACE_ALL_BYTES / s.bytes) - 1;
	OK(n <= 64);
	pthread_barrier_init(&g_all, NULL, n + 1);
	for (uint32_t i = 0; i < n; i++)
		pthread_create(&t[i], NULL, stays, NULL);
	pthread_barrier_wait(&g_all);
	pthread_create(&more, NULL, refused, &none);
	pthread_join(more, NULL);
	pthread_barrier_wait(&g_all);
	for (uint32_t i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	trace_stats(&s);
	OK(none);
	EQ(s.lost, 1);
}

TEST(a_forks_child_begins_anew)
{
	trace_init(16);
	waits(1);
	struct track_wait w = wait_at(2, 1, 500);
	uint64_t number = view(0).number;
	trace_fork_child();
	EQ(view(0).waits, 0);
	OK(view(0).number != number);
	track_wait_end(&w); /* of the parent's */
	EQ(view(0).waits, 0);
	waits(3);
	EQ(object_of(0, 0), 3);
}

static bool g_stop;
static void *storm(void *arg)
{
	trace_thread_begin();
	for (uint64_t i = 1; !__atomic_load_n(&g_stop, __ATOMIC_RELAXED); i++) {
		struct track_wait w;
		track_wait_begin(&w, FMT_SPAN_MUTEX, i, (uint32_t)i,
		                 &(struct caller){.ip = i & 0xffff, .sp = 1000});
		w.begin_ns -= TRACE_BRIEF_NS;
		track_wait_end(&w);
	}
	return arg;
}

TEST(a_reader_never_sees_half_a_wait)
{
	uint64_t seen = 0;
	pthread_t t;

	trace_init(16);
	pthread_create(&t, NULL, storm, NULL);
	while (trace_rings() < 2)
		sched_yield();
	for (int round = 0; round < 20000 || !seen; round++) {
		struct trace_wait w;
		struct trace_view v;
		if (!trace_get(1, &v))
			continue;
		for (uint64_t i = v.waits > 16 ? v.waits - 16 : 0; i < v.waits; i++)
			if (trace_wait_at(1, v.number, i, &w)) {
				seen++;
				if (w.object != i + 1 || w.other != (uint32_t)w.object ||
				    trace_stack(w.what) != (w.object & 0xffff))
					FAIL("wait %" PRIu64 " is half another", i);
			}
	}
	__atomic_store_n(&g_stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
