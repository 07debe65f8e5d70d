/* track_test.c - what hooks tell the tables: counted exactly, in any thread, at any moment. Stacks
 * are numbers here: a caller's ip is the stack. */
#include "preload/track.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "preload/context_ages.h"
#include "preload/live.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_stack.h"

/* ---- shorthand ---- */

static void *block(uintptr_t n)
{
	return (void *)(0x7f0000000010 + n * 64);
}

static void make(uintptr_t n, size_t bytes, uint32_t stack)
{
	track_alloc(block(n), bytes, &(struct caller){.ip = stack});
}

static bool drop(uintptr_t n)
{
	return track_free(block(n), NULL);
}

/* Sums over all contexts of one stack, or of all. */
enum { ALL = UINT32_MAX };
static struct site total(uint32_t stack)
{
	struct site sum = {.size_min = UINT32_MAX};

	for (uint32_t i = 1; i <= site_count(); i++) {
		const struct site *s = site_get(i);

		if (!s || (stack != ALL && s->stack != stack))
			continue;
		sum.allocs += s->allocs;
		sum.bytes += s->bytes;
		sum.frees += s->frees;
		sum.bytes_freed += s->bytes_freed;
		sum.temporary += s->temporary;
		if (s->allocs && s->size_min < sum.size_min)
			sum.size_min = s->size_min;
		if (s->size_max > sum.size_max)
			sum.size_max = s->size_max;
	}
	return sum;
}

static uint32_t lifetimes(uint32_t stack, unsigned bucket)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i <= site_count(); i++) {
		const struct site *s = site_get(i);

		uint32_t count[FMT_AGE_BUCKETS];

		if (!s || s->stack != stack)
			continue;
		context_ages(s, count);
		n += count[bucket];
	}
	return n;
}

static struct context_audit audit(void)
{
	struct context_audit a;

	context_audit(&a);
	return a;
}

static uint64_t all_lost(void)
{
	struct context_audit a = audit();
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n += a.lost[i];
	return n;
}

static uint64_t g_live_blocks, g_live_bytes;
static void see(uintptr_t address, const struct block *b, void *arg)
{
	(void)address;
	(void)arg;
	g_live_blocks++;
	g_live_bytes += b->size;
}

/* What is in the table is what was made and not freed. */
static void check_live(void)
{
	struct site t = total(ALL);

	g_live_blocks = g_live_bytes = 0;
	live_walk(see, NULL);
	EQ(g_live_blocks, t.allocs - t.frees);
	EQ(g_live_bytes, t.bytes - t.bytes_freed);
}

/* ---- one thread ---- */

TEST(figures_of_a_stack_are_exact)
{
	make(1, 100, 7);
	make(2, 50, 7);
	make(3, 0, 7);
	make(4, 1, 8);
	OK(drop(2));
	EQ(total(7).allocs, 3);
	EQ(total(7).bytes, 150);
	EQ(total(7).frees, 1);
	EQ(total(7).bytes_freed, 50);
	EQ(total(7).size_min, 0);
	EQ(total(7).size_max, 100);
	EQ(total(8).allocs, 1);
	EQ(all_lost(), 0);
	check_live();
}

TEST(sizes_over_4_GB_are_summed_whole)
{
	make(1, 5ul << 32, 7);
	make(2, 1ul << 46, 7);
	EQ(total(7).bytes, (5ul << 32) + (1ul << 46));
	EQ(total(7).size_max, UINT32_MAX);
	OK(drop(1) && drop(2));
	EQ(total(7).bytes_freed, (5ul << 32) + (1ul << 46));
	check_live();
}

TEST(null_is_no_event)
{
	track_alloc(NULL, 10, &(struct caller){.ip = 1});
	OK(!track_free(NULL, NULL));
	EQ(total(ALL).allocs, 0);
	EQ(audit().unknown_frees, 0);
}

TEST(before_the_start_nothing_is_counted)
{
	g_tracking = false;
	make(1, 10, 1);
	OK(!drop(1));
	g_tracking = true;
	EQ(total(ALL).allocs, 0);
	EQ(audit().unknown_frees, 0);
}

TEST(a_free_of_a_stranger_is_unknown)
{
	struct block was = {1, 2, 3};

	OK(!track_free(block(9), &was));
	EQ(audit().unknown_frees, 1);
	EQ(total(ALL).frees, 0);
	EQ(all_lost(), 0);
}

TEST(an_address_that_comes_back_without_a_free_was_freed_unseen)
{
	make(1, 100, 7);
	make(1, 30, 8);
	EQ(audit().unseen_frees, 1);
	EQ(total(7).frees, 1);
	EQ(total(7).bytes_freed, 100);
	EQ(total(7).temporary, 0);
	EQ(total(8).frees, 0);
	check_live();
}

TEST(temporary_is_freed_before_the_thread_allocates_again)
{
	make(1, 10, 7);
	OK(drop(1)); /* temporary */
	make(1, 10, 7);
	make(2, 10, 8);
	OK(drop(1)); /* another came after it */
	OK(drop(2)); /* temporary: a free lies between, no allocation */
	EQ(total(7).temporary, 1);
	EQ(total(8).temporary, 1);
}

static void *drop_first(void *arg)
{
	(void)arg;
	drop(1);
	track_thread_end();
	return NULL;
}

static void *make_first(void *arg)
{
	(void)arg;
	make(1, 10, 9);
	track_thread_end();
	return NULL;
}

static void in_thread(void *(*run)(void *))
{
	pthread_t t;

	pthread_create(&t, NULL, run, NULL);
	pthread_join(t, NULL);
}

TEST(what_another_thread_frees_is_not_temporary)
{
	make(1, 10, 7);
	in_thread(drop_first);
	EQ(total(7).frees, 1);
	EQ(total(7).temporary, 0);
	in_thread(make_first); /* the same address, made by another */
	OK(drop(1));
	EQ(total(9).temporary, 0);
}

TEST(lifetimes_by_power_of_two)
{
	make(1, 10, 7);
	make(2, 10, 7);
	make(3, 10, 7);
	OK(drop(1));
	context_clock.tick += 100000;
	OK(drop(2));
	context_clock.tick += 1000000;
	OK(drop(3));
	EQ(lifetimes(7, fmt_age_bucket(0)), 0); /* derived by the reader */
	EQ(lifetimes(7, fmt_age_bucket(100000)), 1);
	EQ(lifetimes(7, fmt_age_bucket(1100000)), 1);
}

TEST(births_wrap_after_104_days)
{
	context_clock.tick = 0x7ffffff0;
	make(1, 10, 7);
	context_clock.tick += 0x20;
	OK(drop(1));
	EQ(lifetimes(7, fmt_age_bucket(0x20)), 1);
}

TEST(a_realloc_that_failed_leaves_no_trace)
{
	struct block was;

	make(1, 10, 7);
	context_clock.tick += 5000;
	OK(track_free(block(1), &was));
	track_restore(block(1), &was);
	EQ(total(7).frees, 0);
	EQ(total(7).bytes_freed, 0);
	EQ(total(7).temporary, 0);
	EQ(lifetimes(7, fmt_age_bucket(5000)), 0);
	check_live();
	OK(drop(1));
	EQ(total(7).frees, 1);
	EQ(total(7).temporary, 1);
	EQ(lifetimes(7, fmt_age_bucket(5000)), 1);
}

TEST(a_realloc_that_failed_with_frees_between)
{
	struct block was;

	make(1, 10, 7);
	make(2, 10, 7);
	OK(track_free(block(1), &was));
	OK(drop(2));
	track_restore(block(1), &was);
	EQ(total(7).frees, 1);
	check_live();
}

TEST(stacks_that_cannot_be_kept_still_count)
{
	make(1, 10, 0);
	make(2, 20, STACK_MAX + 5);
	EQ(total(0).allocs, 2);
	EQ(total(0).bytes, 30);
	EQ(audit().lost[FMT_AUDIT_LOST_NO_STACK], 1);
	OK(drop(1) && drop(2));
	check_live();
}

TEST(many_stacks)
{
	for (uint32_t i = 1; i < 100000; i++)
		make(i, i, i * 41);
	for (uint32_t i = 1; i < 100000; i += 2)
		OK(drop(i));
	EQ(total(41).frees, 1);
	EQ(total(99998 * 41).bytes, 99998);
	EQ(total(ALL).allocs, 99999);
	EQ(all_lost(), 0);
	check_live();
}

TEST(errno_is_the_callers)
{
	errno = 4711;
	make(1, 10, 7);
	drop(1);
	drop(1);
	EQ(errno, 4711);
}

/* ---- interruptions ---- */

static void allocate_inside(void)
{
	make(1000, 10, 3);
	drop(1000);
}

TEST(events_inside_the_tracker_are_lost_and_told)
{
	g_in_capture = allocate_inside;
	make(1, 10, 7);
	g_in_capture = NULL;
	EQ(total(ALL).allocs, 1);
	EQ(audit().lost[FMT_AUDIT_LOST_REENTRANT], 2);
	EQ(audit().unknown_frees, 0);
	EQ(t_self.flags, 0);
	check_live();
}

static volatile uint64_t g_handler_events;

static void on_alarm(int signal_number)
{
	(void)signal_number;
	for (uintptr_t i = 0; i < 20; i++) {
		make(5000 + i, i, 4);
		drop(5000 + i);
		g_handler_events += 2;
	}
}

TEST(a_handler_that_interrupts_us_anywhere_corrupts_nothing)
{
	struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
	uint64_t events = 0, unknown;
	struct site t;

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int round = 0; round < 4000; round++) {
		for (uintptr_t i = 0; i < 200; i++)
			make(i, i * 3, 5 + i % 50);
		for (uintptr_t i = 0; i < 200; i++)
			if (!drop(i))
				FAIL("block %d of round %d is gone", (int)i, round);
		events += 400;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	t = total(ALL);
	unknown = audit().unknown_frees;
	OK(g_handler_events > 0);
	/* A handler's event is lost as a whole: its make, or its drop, and a drop without its make
	 * is unknown. */
	EQ(t.allocs + t.frees + unknown + all_lost(),
	   events + g_handler_events + audit().unseen_frees);
	check_live();
}

static unsigned g_polls, g_begins, g_bad_flags;
static void count_poll(void)
{
	g_polls++;
	g_bad_flags += t_self.flags & IN_TRACKER;
}

static void count_begin(void)
{
	__atomic_fetch_add(&g_begins, 1, __ATOMIC_RELAXED);
	g_bad_flags += t_self.flags & IN_TRACKER;
}

TEST(polls_once_in_a_tick_and_outside_the_tracker)
{
	uint32_t first = context_tick();

	g_track_poll = count_poll;
	while (context_tick() < first + 20)
		for (uintptr_t i = 0; i < 100; i++) {
			make(i, 10, 7);
			drop(i);
		}
	OK(g_polls > 0);
	OK(g_polls <= context_tick() - first + 2);
	EQ(g_bad_flags, 0);
}

/* ---- threads ---- */

enum { THREADS = 8, EVENTS = 100000, SLOTS = 64 };
static uintptr_t g_slots[SLOTS];

/* Each thread makes blocks, frees half of them, and hands the others to whoever comes by. */
static void *trade(void *arg)
{
	uintptr_t me = (uintptr_t)arg, wrong = 0;

	for (uintptr_t i = 0; i < EVENTS; i++) {
		uintptr_t n = 100000 + me * SLOTS * 4 + i % (SLOTS * 4), other = 0;
		uintptr_t *slot = &g_slots[i * 7 % SLOTS];

		if (live_find((uintptr_t)block(n), &(struct block){0}))
			continue; /* still in a slot */
		make(n, me * 1000 + i % 999, (uint32_t)(1 + i % 100));
		if (i % 2) {
			wrong += !drop(n);
			continue;
		}
		other = __atomic_exchange_n(slot, n, __ATOMIC_ACQ_REL);
		if (other)
			wrong += !drop(other);
	}
	track_thread_end();
	return (void *)wrong;
}

/* As a snapshot reads: all frees first, then all allocations. */
static bool g_stop;
static void *look(void *arg)
{
	uintptr_t wrong = 0;

	(void)arg;
	while (!__atomic_load_n(&g_stop, __ATOMIC_RELAXED)) {
		uint64_t frees[101] = {0}, allocs[101] = {0};

		for (uint32_t i = 1; i <= site_count(); i++)
			if (site_get(i))
				frees[site_get(i)->stack] +=
				        __atomic_load_n(&site_get(i)->frees, __ATOMIC_ACQUIRE);
		for (uint32_t i = 1; i <= site_count(); i++)
			if (site_get(i))
				allocs[site_get(i)->stack] +=
				        __atomic_load_n(&site_get(i)->allocs, __ATOMIC_ACQUIRE);
		for (int i = 1; i <= 100; i++)
			wrong += frees[i] > allocs[i];
		for (uint32_t i = 1; i <= context_count(); i++) {
			struct context_info info;

			context_info(i, &info);
			wrong += info.n_threads > THREADS;
		}
	}
	return (void *)wrong;
}

TEST(sums_are_exact_when_threads_free_what_others_made)
{
	pthread_t t[THREADS], looker;
	struct site sum;
	void *wrong;

	pthread_create(&looker, NULL, look, NULL);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, trade, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &wrong);
		EQ((uintptr_t)wrong, 0);
	}
	__atomic_store_n(&g_stop, true, __ATOMIC_RELAXED);
	pthread_join(looker, &wrong);
	EQ((uintptr_t)wrong, 0);
	check_live();
	for (int i = 0; i < SLOTS; i++)
		if (g_slots[i])
			OK(drop(g_slots[i]));
	sum = total(ALL);
	OK(sum.allocs > EVENTS * THREADS / 2);
	EQ(sum.frees, sum.allocs);
	EQ(sum.bytes_freed, sum.bytes);
	EQ(all_lost(), 0);
	EQ(audit().unknown_frees, 0);
	EQ(audit().unseen_frees, 0);
	check_live();
}

static void *short_life(void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "worker-%d", (int)(uintptr_t)arg % 4);
	pthread_setname_np(pthread_self(), name);
	make(1, 10, 7);
	drop(1);
	track_thread_end();
	make(2, 10, 7); /* as libc does after the last key destructor */
	drop(2);
	return NULL;
}

TEST(contexts_of_threads_that_ended_are_leased_again)
{
	struct context_info info;
	uint32_t threads = 0;

	g_track_thread_begin = count_begin;
	make(3, 10, 7);
	for (uintptr_t i = 0; i < 1000; i++) {
		pthread_t t;

		pthread_create(&t, NULL, short_life, (void *)i);
		pthread_join(t, NULL);
	}
	OK(context_count() <= 6);
	for (uint32_t i = 1; i <= context_count(); i++) {
		context_info(i, &info);
		threads += info.n_threads;
		EQ(info.leased, i == 1);
		if (i > 1)
			OK(!strncmp(info.name, "worker-", 7));
	}
	EQ(threads, 1001);
	EQ(g_begins, 1001);
	EQ(g_bad_flags, 0);
	EQ(total(7).allocs, 2001);
	EQ(total(7).frees, 2000);
}

/* The thread sanitizer starts no thread after a fork of many, and needs address space. */
#ifndef __SANITIZE_THREAD__
static pthread_barrier_t g_barrier;

static void *stay(void *arg)
{
	make((uintptr_t)arg, 10, 7);
	if ((uintptr_t)arg == 3)
		track_thread_end(); /* from here on it leases for each event: under a lock */
	pthread_barrier_wait(&g_barrier);
	for (;;)
		for (uintptr_t i = 0; i < 100; i++) {
			make(1000 + (uintptr_t)arg * 100 + i, 500, 8);
			drop(1000 + (uintptr_t)arg * 100 + i);
		}
	return NULL;
}

static int child_of_fork(void)
{
	struct context_info info;
	unsigned leased = 0;

	track_fork_child();
	for (uint32_t i = 1; i <= context_count(); i++) {
		context_info(i, &info);
		leased += info.leased;
		if (info.leased && info.tid != (uint32_t)getpid())
			return 1;
	}
	if (leased != 1 || !drop(1) || !drop(2) || !drop(3) || total(7).frees != 3)
		return 2;
	for (uintptr_t i = 0; i < 3000; i++)
		make(i, 500, 9);
	for (uintptr_t i = 0; i < 3000; i++)
		if (!drop(i))
			return 3;
	in_thread(make_first);
	return context_count() <= 4 ? 0 : 4;
}

TEST(a_fork_child_goes_on_with_the_tables_and_without_the_other_threads)
{
	pthread_t t;

	pthread_barrier_init(&g_barrier, NULL, 4);
	make(0, 10, 6);
	for (uintptr_t i = 1; i <= 3; i++)
		pthread_create(&t, NULL, stay, (void *)i);
	pthread_barrier_wait(&g_barrier);
	for (int i = 0; i < 50 && !check_bad; i++) {
		int status = -1;
		pid_t pid = fork();

		if (!pid) {
			alarm(5);
			_exit(child_of_fork());
		}
		waitpid(pid, &status, 0);
		EQ(status, 0);
	}
}

#endif

/* ---- no memory: the sanitizers have memory of their own to ask for, and end without it ---- */

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST(out_of_memory_loses_events_and_says_so)
{
	struct rlimit none = {0, 0};
	uint64_t known = 0;

	make(0, 10, 1);
	setrlimit(RLIMIT_AS, &none);
	for (uint32_t i = 1; i < 300000; i++)
		track_alloc((void *)(0x10000000010 + (uintptr_t)i * 8192), 100,
		            &(struct caller){.ip = i});
	for (uint32_t i = 1; i < 300000; i++)
		known += track_free((void *)(0x10000000010 + (uintptr_t)i * 8192), NULL);
	OK(audit().lost[FMT_AUDIT_LOST_NO_MEMORY] > 0);
	EQ(total(ALL).allocs, 1 + known);
	EQ(total(ALL).frees, known);
	EQ(audit().lost[FMT_AUDIT_LOST_NO_MEMORY], 299999 - known);
	EQ(audit().unknown_frees, 299999 - known);
	EQ(t_self.flags, 0);
	check_live();
}
#endif

int main(int argc, char **argv)
{
	live_init();
	context_init();
	g_tracking = true;
	return check_main(argc, argv);
}
