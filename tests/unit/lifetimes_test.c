/* lifetimes_test.c - the tables of threads, timers and descriptors under contention, as hooks and
 * the snapshot child use them: exact sums, and nothing for the thread sanitizer to find. Stacks are
 * numbers here: a caller's ip is the stack. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/time.h>

#include "preload/context.h"
#include "preload/fd.h"
#include "preload/format.h"
#include "preload/live.h"
#include "preload/process.h"
#include "preload/task.h"
#include "preload/timer.h"
#include "preload/track.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_stack.h"
#include "tests/unit/together.h"

/* ---- in place of process.c ---- */

bool process_owns_tables(void)
{
	return true;
}

void process_check_fork(void)
{
}

/* ---- shorthand ---- */

enum { MAKERS = 4, ROUNDS = 300, FDS = 64, STACKS = 8 };

#define AT(n) (&(struct caller){.ip = 1 + (uintptr_t)(n) % STACKS})

static bool g_stop;

static bool stopped(void)
{
	return __atomic_load_n(&g_stop, __ATOMIC_RELAXED);
}

/* Runs MAKERS threads of `make` and one that looks meanwhile; the sum of what they found wrong. */
static uintptr_t contend(void *(*make)(void *), void *(*look)(void *))
{
	pthread_t maker[MAKERS], looker;
	uintptr_t wrong = 0;
	void *result;

	g_stop = false;
	pthread_create(&looker, NULL, look, NULL);
	for (uintptr_t i = 0; i < MAKERS; i++)
		pthread_create(&maker[i], NULL, make, (void *)i);
	for (int i = 0; i < MAKERS; i++) {
		pthread_join(maker[i], &result);
		wrong += (uintptr_t)result;
	}
	__atomic_store_n(&g_stop, true, __ATOMIC_RELAXED);
	pthread_join(looker, &result);
	return wrong + (uintptr_t)result;
}

/* ---- threads ---- */

static void *tracked(void *arg)
{
	struct track_start *start = arg;
	uintptr_t argument = start->argument;

	track_thread_started(start);
	if (argument % 5 == 3)
		track_thread_detached(track_thread_find((uintptr_t)pthread_self()));
	task_end();
	return NULL;
}

/* As hook_thread.c does. */
static int create(pthread_t *t, uintptr_t i, bool detached)
{
	struct track_new_thread how = {
	        .start = 0x1000 + i % 3, .argument = i, .detached = detached};
	struct track_start *start = track_thread_create(AT(i), &how);
	pthread_attr_t attr;

	if (!start)
		return -1;
	uint64_t serial = start->serial;

	pthread_attr_init(&attr);
	if (detached)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int error = pthread_create(t, &attr, tracked, start);

	pthread_attr_destroy(&attr);
	track_thread_created(start, serial, error ? NULL : t);
	return error;
}

static void *make_threads(void *arg)
{
	uintptr_t wrong = 0;

	for (uintptr_t i = 0; i < ROUNDS; i++) {
		pthread_t t;

		if (create(&t, i, i % 5 == 4)) {
			wrong++;
			continue;
		}
		if (i % 5 == 4)
			continue;
		struct track_thread who = track_thread_find((uintptr_t)t);

		if (i % 5 == 3) { /* detaches itself */
			pthread_detach(t);
		} else if (i % 5 == 2) {
			pthread_detach(t);
			track_thread_detached(who);
		} else if (!pthread_join(t, NULL)) {
			track_thread_joined(who, (uintptr_t)t);
		}
	}
	(void)arg;
	return (void *)wrong;
}

static void *look_at_threads(void *arg)
{
	uintptr_t wrong = 0;
	struct task_view v;
	struct task_site s;

	(void)arg;
	while (!stopped()) {
		for (uint32_t i = 0; i < task_slots(); i++)
			if (task_get(i, &v))
				wrong += !v.serial || !v.tid || v.stack > STACKS ||
				         (v.stack && v.start - 0x1000 > 2) ||
				         (v.state != FMT_TASK_RUNNING && v.state != FMT_TASK_ENDED);
		for (uint32_t i = 0; i < task_site_count(); i++) {
			task_site_get(i, &s);
			wrong += s.stack > STACKS;
		}
		task_unborn();
		task_ended_lately(1);
	}
	return (void *)wrong;
}

static uint64_t given_back(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < task_site_count(); i++) {
		struct task_site s;

		task_site_get(i, &s);
		n += s.count;
	}
	return n;
}

static uint32_t records(void)
{
	struct task_view v;
	uint32_t n = 0;

	for (uint32_t i = 0; i < task_slots(); i++)
		n += task_get(i, &v);
	return n;
}

TEST(threads_made_joined_detached_and_looked_at_all_at_once)
{
	task_init();
	EQ(contend(make_threads, look_at_threads), 0);
	/* Detached ones may be on their way still. */
	for (int i = 0; i < 10000 && given_back() < MAKERS * ROUNDS; i++)
		usleep(1000);
	EQ(given_back(), MAKERS * ROUNDS);
	EQ(records(), 1);
	EQ(task_lost(), 0);
}

/* ---- timers ---- */

static void *make_timers(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	for (uintptr_t i = 0; i < ROUNDS * 10; i++) {
		uint64_t id = (me << 20) + i % 50;
		struct track_new_timer how = {.signal = 14,
		                              .notify = track_notify_new(1, i, AT(i))};

		track_timer_create(id, &how, AT(i));
		track_timer_set(id, 1000 + i, i);
		track_timer_set(((me + 1) % MAKERS << 20) + i % 50, 5, 5); /* another's */
		track_itimer_set((uint32_t)(i % 3), i % 2, 7, AT(i));
		if (i % 100 != 99)
			track_timer_delete(id);
	}
	return NULL;
}

static void *look_at_timers(void *arg)
{
	uintptr_t wrong = 0;
	struct timer_view v;
	struct timer_site s;

	(void)arg;
	while (!stopped()) {
		for (uint32_t i = 0; i < timer_slots(); i++)
			if (timer_get(i, &v))
				wrong += !v.serial || !v.stack || v.stack > STACKS ||
				         (v.kind != FMT_TIMER_POSIX && v.kind != FMT_TIMER_ITIMER);
		for (uint32_t i = 0; i < timer_site_count(); i++) {
			timer_site_get(i, &s);
			wrong += s.stack > STACKS;
		}
	}
	return (void *)wrong;
}

TEST(timers_made_set_deleted_and_looked_at_all_at_once)
{
	uint64_t created = 0, deleted = 0, there = 0;
	struct timer_view v;

	EQ(contend(make_timers, look_at_timers), 0);
	for (uint32_t i = 0; i < timer_site_count(); i++) {
		struct timer_site s;

		timer_site_get(i, &s);
		created += s.created;
		deleted += s.deleted;
	}
	for (uint32_t i = 0; i < timer_slots(); i++)
		there += timer_get(i, &v) && v.kind == FMT_TIMER_POSIX;
	EQ(created, MAKERS * ROUNDS * 10);
	EQ(there, created - deleted);
	EQ(there, MAKERS * ROUNDS / 10);
	EQ(timer_lost(), 0);
}

/* ---- descriptors ---- */

/* Own numbers, in pairs; and all fight for one more. */
static void *make_fds(void *arg)
{
	int mine = 10 + (int)(uintptr_t)arg * FDS;

	for (int i = 0; i < ROUNDS * 10; i++) {
		int fd = mine + i % (FDS / 2), copy = fd + FDS / 2;

		track_fd_open(fd, FMT_FD_FILE, 0, AT(i));
		track_fd_stream(fd);
		track_fd_open(copy, track_fd_kind(fd), FMT_FD_FLAG_DUP, AT(i));
		if (i % 3)
			track_fd_close_stream(fd, AT(i));
		else
			track_fd_close_done(fd, false, track_fd_close(fd, AT(i)), AT(i));
		track_fd_close_done(fd, true, track_fd_close(fd, AT(i)), AT(i)); /* twice */
		track_fd_close_if(copy, track_fd_birth(copy), AT(i));
		track_fd_open(5, FMT_FD_PIPE, 0, AT(i));
		track_fd_close_range(5, 5, AT(i));
	}
	return NULL;
}

static void *look_at_fds(void *arg)
{
	uintptr_t wrong = 0;
	struct fd_view v;
	struct fd_sum sum;
	struct fd_bad bad;
	struct fd_totals totals;

	(void)arg;
	while (!stopped()) {
		for (uint32_t fd = 0; fd < fd_limit(); fd++) {
			if (!fd_get(fd, &v))
				continue;
			wrong += !v.stack || v.stack > STACKS ||
			         (v.kind != FMT_FD_FILE && v.kind != FMT_FD_PIPE);
			fd_born_after(&v, fd_generation());
			fd_same_object(fd, &v, 1, 1);
		}
		for (uint32_t i = 0; i <= STACKS; i++)
			wrong += fd_sum_get(i, &sum) && !sum.opened;
		for (uint32_t i = 0; i < FD_BAD_MAX; i++)
			wrong += fd_bad_get(i, &bad) && !bad.count;
		fd_totals(&totals);
	}
	return (void *)wrong;
}

TEST(descriptors_opened_closed_and_looked_at_all_at_once)
{
	struct fd_totals totals;
	struct fd_bad bad;
	uint64_t doubles = 0;

	EQ(contend(make_fds, look_at_fds), 0);
	fd_totals(&totals);
	EQ(totals.opened, MAKERS * ROUNDS * 10 * 3);
	EQ(totals.closed, totals.opened);
	EQ(totals.live, 0);
	for (uint32_t i = 0; i < FD_BAD_MAX; i++)
		if (fd_bad_get(i, &bad) && bad.what == FMT_BAD_DOUBLE_CLOSE)
			doubles += bad.count;
	EQ(doubles, MAKERS * ROUNDS * 10);
	EQ(fd_lost(), 0);
}

/* In parts of the table that nobody has used before. What happens to one number is in no order: no
 * count is certain, but each birth is closed once, or open. */
enum { FIGHTS = 400, BLOWS = 48, PART = 1024 };

static struct together g_together = {.n = MAKERS};

static void *fight_for_fds(void *arg)
{
	int me = (int)(uintptr_t)arg;

	for (int i = 0; i < FIGHTS * BLOWS; i++) {
		int fd = (2 + i / BLOWS) * PART + i % 4;

		if (i % BLOWS == 0)
			together(&g_together);
		if ((i + me) % 4) {
			track_fd_replaced(fd, AT(i));
			track_fd_open(fd, FMT_FD_FILE, FMT_FD_FLAG_DUP, AT(i));
		}
		if (i % 3 == 0)
			track_fd_close_done(fd, false, track_fd_close(fd, AT(i)), AT(i));
		else if (i % 3 == 1)
			track_fd_close_if(fd, track_fd_birth(fd), AT(i));
		else
			track_fd_close_range((unsigned)fd, (unsigned)fd + 2, AT(i));
		if (i % 16 < 8)
			track_fd_open(fd, FMT_FD_PIPE, 0, AT(i));
		track_fd_stream(fd);
	}
	return NULL;
}

/* What a part of the table takes. */
static uint64_t part_bytes(void)
{
	uint64_t before;

	track_fd_open(0, FMT_FD_FILE, 0, AT(0));
	before = fd_bytes_used();
	track_fd_open(PART, FMT_FD_FILE, 0, AT(0));
	return fd_bytes_used() - before;
}

/* Who goes from one that is there to the next meets those that are there. */
static void wrong_steps(void)
{
	uint32_t wrong = 0, fds = 0, sums = 0, at, last = 3000;
	struct fd_view v;
	struct fd_sum sum;

	for (uint32_t fd = at = 0; fd < fd_limit(); fd++) {
		if (!fd_get(fd, &v))
			continue;
		wrong += fd_next(at) != fd;
		at = fd + 1;
		fds++;
	}
	EQ(fd_next(at), fd_limit());
	EQ(fd_next(UINT32_MAX), fd_limit());
	for (uint32_t i = at = 0; i <= last; i++) {
		if (!fd_sum_get(i, &sum))
			continue;
		wrong += fd_sum_next(at, last) != i;
		at = i + 1;
		sums++;
	}
	EQ(fd_sum_next(at, last), last + 1);
	EQ(fd_sum_next(at - 1, at - 1), at - 1);
	OK(fds && sums);
	EQ(wrong, 0);
}

TEST(each_birth_of_a_descriptor_is_closed_once_or_open_whoever_fights_for_its_number)
{
	struct fd_totals totals;
	uint64_t opened = 0, closed = 0, part = part_bytes(), used = fd_bytes_used();

	EQ(contend(fight_for_fds, look_at_fds), 0);
	fd_totals(&totals);
	EQ(totals.opened, 2 + MAKERS * FIGHTS * (BLOWS * 3 / 4 + BLOWS / 2));
	EQ(totals.opened - totals.closed, totals.live);
	OK(totals.closed > totals.opened / 2);
	EQ(fd_limit(), (1 + FIGHTS) * PART + 4);
	EQ(fd_bytes_used() - used, FIGHTS * part);
	for (uint32_t i = 1; i <= STACKS; i++) {
		struct fd_sum sum;

		OK(fd_sum_get(i, &sum) && sum.closed <= sum.opened);
		opened += sum.opened;
		closed += sum.closed;
	}
	EQ(opened, totals.opened);
	EQ(closed, totals.closed);
	wrong_steps();
	EQ(fd_lost(), 0);
}

int main(int argc, char **argv)
{
	live_init();
	context_init();
	g_tracking = true;
	g_track_families = TRACK_THREADS | TRACK_TIMERS | TRACK_FDS;
	return check_main(argc, argv);
}
