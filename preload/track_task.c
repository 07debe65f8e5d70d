/*
 * track_task.c - the table of threads: see task.h. One lock for all changes (making a thread costs
 * a thousand times more), taken with IN_TRACKER set; the snapshot child reads without it and checks
 * the serial before and after. Context: any thread; task_end() also at the very end of one.
 */
#include "seccomp.h"
#include "task.h"
#include "task_site.h"

#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "format.h"
#include "process.h"
#include "slab.h"
#include "stack.h"
#include "track.h"
#include "words.h"

enum { CHUNK = 256, MAX_CHUNKS = 1024, N_BUCKETS = 1024 };
enum { LATE = 512 };

struct task {
	struct slab_item item;
	struct task_view view; /* serial 0: a hole */
	uintptr_t pthread;
	uint32_t given_back; /* joined or detached */
	uint32_t joined;
	struct task *next; /* in its bucket */
	struct track_start start;
};

/* What was written there may be of another thread by now; where it lies says whose it is. */
static struct task *task_of(struct track_start *start)
{
	return (struct task *)(void *)((char *)start - offsetof(struct task, start));
}

static struct sys_lock g_lock;
static struct slab g_tasks = SLAB(struct task, CHUNK, MAX_CHUNKS);
static struct task *g_bucket[N_BUCKETS];
static uint64_t g_serial, g_lost;
/* Threads whose end was told lately: they may take a little longer to go. */
static uint32_t g_late[LATE], g_n_late;

static uint32_t bucket_of(uintptr_t pthread)
{
	return (uint32_t)((pthread >> 12) * 0x9E3779B97F4A7C15ull >> 54);
}

/* Guard first, lock second: a signal handler of this thread must never want the lock again. */
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

static struct task *task_new(void)
{
	struct task *t = slab_take(&g_tasks);

	if (!t) {
		WORD_ADD(&g_lost, 1);
		return NULL;
	}
	const struct task_view fresh = {.state = FMT_TASK_RUNNING, .born_ns = sys_now_ns()};

	WORDS_COPY(&t->view, &fresh);
	t->pthread = 0;
	t->given_back = t->joined = 0;
	t->next = NULL;
	__atomic_store_n(&t->view.serial, ++g_serial, __ATOMIC_RELEASE);
	return t;
}

static void task_give(struct task *t)
{
	__atomic_store_n(&t->view.serial, 0, __ATOMIC_RELEASE);
	slab_give(&g_tasks, t);
}

static void bucket_add(struct task *t, uintptr_t pthread)
{
	struct task **head = &g_bucket[bucket_of(pthread)];

	t->pthread = pthread;
	t->next = *head;
	*head = t;
}

static void bucket_remove(struct task *t)
{
	struct task **at = &g_bucket[bucket_of(t->pthread)];

	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
}

/* Ended, and joined or detached: only its sum stays. */
static void retire(struct task *t)
{
	struct task_site *s = task_site_of(t->view.stack, t->view.start);

	if (s) {
		WORD_ADD(&s->count, 1);
		WORD_ADD(&s->joined, t->joined);
		WORD_ADD(&s->detached, !t->joined);
		WORD_ADD(&s->cpu_ns, t->view.cpu_ns);
		WORD_ADD(&s->life_ns, t->view.ended_ns - t->view.born_ns);
	}
	if (t->pthread)
		bucket_remove(t);
	task_give(t);
}

static void end(struct task *t)
{
	WORD_SET(&t->view.ended_ns, sys_now_ns());
	WORD_SET(&t->view.state, FMT_TASK_ENDED);
}

/*
 * A new thread has this pthread_t: whoever had it before is gone, by a way that we did not see, or
 * one that is about to be told (a join that has just returned).
 */
static void retire_namesakes(const struct task *t, uintptr_t pthread)
{
	struct task *next;

	for (struct task *old = g_bucket[bucket_of(pthread)]; old; old = next) {
		next = old->next;
		if (old == t || old->pthread != pthread)
			continue;
		if (old->view.state != FMT_TASK_ENDED)
			end(old);
		old->joined |= !old->given_back;
		retire(old);
	}
}

static void retire_if_done(struct task *t)
{
	if (t->view.state == FMT_TASK_ENDED && t->given_back)
		retire(t);
}

/* ---- what hooks call ---- */

struct track_start *track_thread_create(const struct caller *from,
                                        const struct track_new_thread *how)
{
	process_check_fork();
	struct stack_cache *cache = track_stack_cache();
	uint32_t flags = t_self.flags;

	if (!track_has(TRACK_THREADS) || (flags & (IN_TRACKER | IN_HEAP)))
		return NULL;
	t_self.flags = flags | IN_TRACKER;
	uint32_t stack = stack_capture(cache, from);
	sys_lock(&g_lock);
	struct task *t = task_new();

	if (t) {
		WORD_SET(&t->view.stack, stack);
		WORD_SET(&t->view.start, how->start);
		WORD_SET(&t->view.stack_bytes, how->stack_bytes);
		WORD_SET(&t->view.creator, t_self.task ? t_self.task->view.serial : 0);
		if (how->detached) {
			WORD_SET(&t->view.flags, t->view.flags | FMT_TASK_FLAG_DETACHED);
			t->given_back = 1;
		}
		t->start.function = how->start;
		t->start.argument = how->argument;
		t->start.serial = t->view.serial;
	}
	leave(flags);
	return t ? &t->start : NULL;
}

/* The thread may have run, ended and been joined by now, and the record may be another's: hence the
 * serial. One that has not begun waits for the lock before it does: *pthread stays meanwhile. */
void track_thread_created(struct track_start *start, uint64_t serial, const uintptr_t *pthread)
{
	struct task *t = task_of(start);
	uint32_t flags = enter();

	if (t->view.serial == serial) {
		if (!pthread) {
			task_give(t);
		} else if (!t->pthread) {
			/* Its creator may detach it before it begins, and must find it. */
			retire_namesakes(t, *pthread);
			bucket_add(t, *pthread);
		}
	}
	leave(flags);
}

void track_thread_started(struct track_start *start)
{
	struct task *t = task_of(start);
	uint32_t flags = enter();

	WORD_SET(&t->view.tid, (uint32_t)sys_gettid());
	retire_namesakes(t, (uintptr_t)pthread_self());
	if (!t->pthread)
		bucket_add(t, (uintptr_t)pthread_self());
	t_self.task = t;
	leave(flags);
}

static struct task *find(uintptr_t pthread, bool ended)
{
	struct task *best = NULL;

	for (struct task *t = g_bucket[bucket_of(pthread)]; t; t = t->next) {
		if (t->pthread != pthread || t->joined ||
		    (ended && t->view.state != FMT_TASK_ENDED))
			continue;
		/* An older record is of a thread that another thread has joined or detached by now
		 * and is just about to tell so: only then can the number be in use again. */
		if (!best || t->view.serial > best->view.serial)
			best = t;
	}
	return best;
}

struct track_thread track_thread_find(uintptr_t pthread)
{
	struct track_thread r = {NULL, 0};

	if (!track_has(TRACK_THREADS) || (t_self.flags & IN_TRACKER))
		return r;
	process_check_fork();
	uint32_t flags = enter();

	r.task = find(pthread, false);
	if (r.task)
		r.serial = r.task->view.serial;
	leave(flags);
	return r;
}

void track_thread_joined(struct track_thread who, uintptr_t pthread)
{
	if (!track_has(TRACK_THREADS) || (t_self.flags & IN_TRACKER))
		return;
	uint32_t flags = enter();
	/* Where there was no record before the call it was the thread itself that put its
	 * pthread_t down. */
	struct task *t = who.task ? who.task : find(pthread, true);

	if (t && (!who.task || t->view.serial == who.serial)) {
		t->joined = t->given_back = 1;
		/* Joined is ended, also where the key's destructor did not run (a thread that we
		 * adopted too late). */
		if (t->view.state != FMT_TASK_ENDED)
			end(t);
		retire(t);
	}
	leave(flags);
}

void track_thread_detached(struct track_thread who)
{
	if (!who.task || (t_self.flags & IN_TRACKER))
		return;
	uint32_t flags = enter();
	struct task *t = who.task;

	if (t->view.serial == who.serial) {
		t->given_back = 1;
		WORD_SET(&t->view.flags, t->view.flags | FMT_TASK_FLAG_DETACHED);
		retire_if_done(t);
	}
	leave(flags);
}

/* ---- life and death ---- */

/* Its first event was one of libc's own, before the program's function was called. */
static void tell_more(struct task *t, uint32_t stack, uintptr_t start, uint32_t task_flags)
{
	uint32_t flags = enter();

	if (t->view.flags & FMT_TASK_FLAG_ADOPTED && !t->view.stack) {
		WORD_SET(&t->view.stack, stack);
		WORD_SET(&t->view.start, start);
		WORD_SET(&t->view.flags, t->view.flags | task_flags);
	}
	leave(flags);
}

void task_adopt(uint32_t stack, uintptr_t start, uint32_t task_flags)
{
	if (t_self.task && start)
		tell_more(t_self.task, stack, start, task_flags);
	if (t_self.task || !(g_track_families & TRACK_THREADS))
		return;
	uint32_t flags = enter();
	struct task *t = task_new();

	if (t) {
		WORD_SET(&t->view.tid, (uint32_t)sys_gettid());
		WORD_SET(&t->view.stack, stack);
		WORD_SET(&t->view.start, start);
		WORD_SET(&t->view.flags, task_flags);
		/* Whoever made it without pthread_create does not join it either: nothing is owed.
		 */
		t->given_back = !(task_flags & FMT_TASK_FLAG_MAIN);
		retire_namesakes(t, (uintptr_t)pthread_self());
		bucket_add(t, (uintptr_t)pthread_self());
		t_self.task = t;
	}
	leave(flags);
}

void task_init(void)
{
	task_adopt(0, 0, FMT_TASK_FLAG_MAIN);
}

void task_end(void)
{
	struct task *t = t_self.task;
	struct timespec cpu;
	char name[sizeof(t->view.name)] __attribute__((aligned(8))) = "";

	if (!t)
		return;
	uint32_t flags = enter();

	t_self.task = NULL;
	if (!sys_clock(CLOCK_THREAD_CPUTIME_ID, &cpu))
		WORD_SET(&t->view.cpu_ns,
		         (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec);
	if (!g_seccomp_quiet)
		sys_call(SYS_prctl, PR_GET_NAME, name);
	words_copy(t->view.name, name, sizeof(name));
	end(t);
	uint32_t late = __atomic_fetch_add(&g_n_late, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&g_late[late % LATE], t->view.tid, __ATOMIC_RELEASE);
	retire_if_done(t);
	leave(flags);
}

/*
 * Only the thread that forked is there; the others' records were the parent's. Chains are made
 * anew: a thread that is gone may have been at them.
 */
void task_fork_child(void)
{
	sys_lock_reset(&g_lock);
	memset(g_bucket, 0, sizeof(g_bucket));
	memset(g_late, 0, sizeof(g_late));
	slab_forget_free(&g_tasks);
	for (uint32_t i = 0; i < slab_room(&g_tasks); i++) {
		struct task *t = slab_at(&g_tasks, i);

		if (t != t_self.task)
			task_give(t);
	}
	/* Sums are the parent's, too. */
	task_sites_forget();
	if (!t_self.task) {
		task_adopt(0, 0, FMT_TASK_FLAG_MAIN);
		return;
	}
	WORD_SET(&t_self.task->view.tid, (uint32_t)sys_gettid());
	t_self.task->view.flags |= FMT_TASK_FLAG_MAIN;
	t_self.task->view.flags &= ~(uint32_t)FMT_TASK_FLAG_DETACHED;
	t_self.task->given_back = 0;
	bucket_add(t_self.task, (uintptr_t)pthread_self());
}

/* ---- for the snapshot child ---- */

const struct task_view *task_own(const struct task *t)
{
	return &t->view;
}

uint32_t task_slots(void)
{
	return slab_room(&g_tasks);
}

bool task_get(uint32_t i, struct task_view *out)
{
	const struct task *t = slab_at(&g_tasks, i);
	uint64_t serial = t ? __atomic_load_n(&t->view.serial, __ATOMIC_ACQUIRE) : 0;

	if (!serial)
		return false;
	WORDS_COPY(out, &t->view);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return WORD_GET(&t->view.serial) == serial && out->tid;
}

bool task_get_roots(uint32_t i, struct task_roots *out)
{
	const struct task *t = slab_at(&g_tasks, i);

	if (!t || !t->view.serial)
		return false;
	out->ended = t->view.state == FMT_TASK_ENDED;
	out->argument = out->ended ? 0 : t->start.argument;
	out->pthread = t->pthread;
	return true;
}

uint32_t task_unborn(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < task_slots(); i++) {
		const struct task *t = slab_at(&g_tasks, i);

		n += __atomic_load_n(&t->view.serial, __ATOMIC_ACQUIRE) && !WORD_GET(&t->view.tid);
	}
	return n;
}

bool task_ended_lately(uint32_t tid)
{
	for (uint32_t i = 0; i < LATE; i++)
		if (__atomic_load_n(&g_late[i], __ATOMIC_ACQUIRE) == tid)
			return true;
	return false;
}

void task_describe(struct fmt_live *out)
{
	slab_describe(&g_tasks, &out->task);
	out->task_room = (uintptr_t)&g_tasks.room;
	out->task_serial = offsetof(struct task, view.serial);
	out->task_creator = offsetof(struct task, view.creator);
	out->task_tid = offsetof(struct task, view.tid);
	out->task_stack = offsetof(struct task, view.stack);
	out->task_start = offsetof(struct task, view.start);
	out->task_born = offsetof(struct task, view.born_ns);
}

uint64_t task_lost(void)
{
	return __atomic_load_n(&g_lost, __ATOMIC_RELAXED);
}

uint64_t task_bytes_used(void)
{
	return (uint64_t)slab_room(&g_tasks) * sizeof(struct task) +
	       (uint64_t)task_site_count() * sizeof(struct task_site);
}
