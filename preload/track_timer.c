/*
 * track_timer.c - the table of timers: see timer.h. One lock for making and deleting; setting one
 * is async-signal-safe and goes without it. The snapshot child reads without it and checks the
 * serial before and after. Context: any thread; track_timer_set() signal handlers, too.
 */
#include "timer.h"

#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "format.h"
#include "process.h"
#include "slab.h"
#include "stack.h"
#include "task.h"
#include "track.h"
#include "words.h"

enum { CHUNK = 128, MAX_CHUNKS = 512, SITES = 4096, ITIMERS = 3, N_BUCKETS = 4096 };

/* Frees of notify records are put off by this many: a late expiry may still be on its way to one.
 */
enum { QUARANTINE = 1024, NOTIFY_CHUNK = 1024 };

struct slot {
	struct slab_item item;
	struct timer_view view; /* serial 0: a hole */
	struct track_notify *notify;
	struct slot *next_here; /* in its bucket; stays when it is taken out, for who reads it just
	                           now */
};

static struct sys_lock g_lock;
static struct slab g_timers = SLAB(struct slot, CHUNK, MAX_CHUNKS);
static struct slot *g_bucket[N_BUCKETS];
static uint32_t g_site_bucket[N_BUCKETS]; /* number of a site, from 1 */
static uint32_t g_sites;
static struct timer_site *g_site;
static uint64_t g_serial, g_lost;
static struct timer_view g_itimer[ITIMERS];

static struct track_notify *g_notify_free, *g_notify_last;
static uint32_t g_notify_waiting, g_notify_left;
static struct track_notify *g_notify_fresh;

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

static bool passive(void)
{
	return !track_has(TRACK_TIMERS) || (t_self.flags & IN_TRACKER) || !process_owns_tables();
}

static struct timer_site *site_of(uint32_t stack, uint32_t kind)
{
	uint32_t *bucket = &g_site_bucket[(stack * 4 + kind) % N_BUCKETS];

	if (!g_site && !(g_site = sys_map(sizeof(*g_site) * SITES)))
		return NULL;
	for (uint32_t i = *bucket; i; i = g_site[i - 1].next)
		if (g_site[i - 1].stack == stack && g_site[i - 1].kind == kind)
			return &g_site[i - 1];
	if (g_sites == SITES)
		return NULL;
	struct timer_site *s = &g_site[g_sites];

	*s = (struct timer_site){stack, kind, *bucket, 0, 0};
	*bucket = g_sites + 1;
	__atomic_store_n(&g_sites, g_sites + 1, __ATOMIC_RELEASE);
	return s;
}

static struct slot **bucket_of(uint64_t id)
{
	return &g_bucket[id * 0x9E3779B97F4A7C15ull >> 52 & (N_BUCKETS - 1)];
}

static bool is(struct slot *s, uint64_t id)
{
	return __atomic_load_n(&s->view.serial, __ATOMIC_ACQUIRE) && WORD_GET(&s->view.id) == id;
}

/*
 * Without the lock, too. A chain that changes under a reader may lead him astray: then he looks at
 * all.
 */
static struct slot *find(uint64_t id)
{
	struct slot *s = __atomic_load_n(bucket_of(id), __ATOMIC_ACQUIRE);

	for (int i = 0; s && i < CHUNK; i++) {
		if (is(s, id))
			return s;
		s = __atomic_load_n(&s->next_here, __ATOMIC_ACQUIRE);
	}
	for (uint32_t i = 0; i < slab_room(&g_timers); i++) {
		s = slab_at(&g_timers, i);
		if (is(s, id))
			return s;
	}
	return NULL;
}

static void bucket_add(struct slot *s)
{
	struct slot **bucket = bucket_of(s->view.id);

	__atomic_store_n(&s->next_here, *bucket, __ATOMIC_RELEASE);
	__atomic_store_n(bucket, s, __ATOMIC_RELEASE);
}

static void bucket_remove(struct slot *s)
{
	struct slot **at = bucket_of(s->view.id);

	while (*at && *at != s)
		at = &(*at)->next_here;
	if (*at)
		__atomic_store_n(at, s->next_here, __ATOMIC_RELEASE);
}

static void slot_give(struct slot *s)
{
	__atomic_store_n(&s->view.serial, 0, __ATOMIC_RELEASE);
	slab_give(&g_timers, s);
}

static uint32_t capture(const struct caller *from)
{
	struct stack_cache *cache = track_stack_cache();
	uint32_t flags = t_self.flags;

	t_self.flags = flags | IN_TRACKER;
	uint32_t stack = stack_capture(cache, from);
	t_self.flags = flags;
	return stack;
}

/* To the end of the queue; the lock is held. */
static void notify_put(struct track_notify *n)
{
	n->next = NULL;
	if (g_notify_waiting)
		g_notify_last->next = n;
	else
		g_notify_free = n;
	g_notify_last = n;
	g_notify_waiting++;
}

/* ---- what hooks call ---- */

void track_timer_create(uint64_t id, const struct track_new_timer *how, const struct caller *from)
{
	if (passive())
		return;
	uint32_t stack = capture(from), flags = enter();
	struct timer_site *site = site_of(stack, FMT_TIMER_POSIX);
	struct slot *s = slab_take(&g_timers);

	if (site)
		WORD_ADD(&site->created, 1);
	if (!s) {
		WORD_ADD(&g_lost, 1);
		leave(flags);
		return;
	}
	const struct timer_view fresh = {.id = id,
	                                 .kind = FMT_TIMER_POSIX,
	                                 .stack = stack,
	                                 .notify = how->sigev,
	                                 .signal = how->signal,
	                                 .cpu_clock = how->cpu_clock,
	                                 .task = t_self.task ? task_serial(t_self.task) : 0,
	                                 .born_ns = sys_now_ns()};
	WORDS_COPY(&s->view, &fresh);
	s->notify = how->notify;
	bucket_add(s);
	__atomic_store_n(&s->view.serial, ++g_serial, __ATOMIC_RELEASE);
	leave(flags);
}

void track_timer_delete(uint64_t id)
{
	if (passive())
		return;
	uint32_t flags = enter();
	struct slot *s = find(id);

	if (s) {
		struct timer_site *site = site_of(s->view.stack, FMT_TIMER_POSIX);

		if (site)
			WORD_ADD(&site->deleted, 1);
		if (s->notify)
			notify_put(s->notify);
		bucket_remove(s);
		slot_give(s);
	}
	leave(flags);
}

static void set(struct timer_view *v, uint64_t value_ns, uint64_t interval_ns)
{
	WORD_SET(&v->set_ns, sys_now_ns());
	WORD_SET(&v->interval_ns, interval_ns);
	__atomic_store_n(&v->value_ns, value_ns, __ATOMIC_RELEASE);
}

void track_timer_set(uint64_t id, uint64_t value_ns, uint64_t interval_ns)
{
	struct slot *s = passive() ? NULL : find(id);

	if (s)
		set(&s->view, value_ns, interval_ns);
}

void track_itimer_set(uint32_t which, uint64_t value_ns, uint64_t interval_ns,
                      const struct caller *from)
{
	if (which >= ITIMERS || passive())
		return;
	struct timer_view *v = &g_itimer[which];

	/* alarm() and setitimer() are async-signal-safe: no lock, and a stack only where the
	 * tracker was not interrupted. */
	WORD_SET(&v->kind, FMT_TIMER_ITIMER);
	WORD_SET(&v->id, which);
	WORD_SET(&v->cpu_clock, which != ITIMER_REAL);
	WORD_SET(&v->task, t_self.task ? task_serial(t_self.task) : 0);
	WORD_SET(&v->born_ns, sys_now_ns());
	if (value_ns)
		WORD_SET(&v->stack, capture(from));
	set(v, value_ns, interval_ns);
	__atomic_store_n(&v->serial, value_ns ? ~0ull - which : 0, __ATOMIC_RELEASE);
}

struct track_notify *track_notify_new(uintptr_t function, uintptr_t argument,
                                      const struct caller *from)
{
	if (passive())
		return NULL;
	uint32_t stack = capture(from), flags = enter();
	struct track_notify *n = NULL;

	if (g_notify_waiting >= QUARANTINE) {
		n = g_notify_free;
		g_notify_free = n->next;
		g_notify_waiting--;
	} else {
		if (g_notify_left == 0 && (g_notify_fresh = sys_map(NOTIFY_CHUNK * sizeof(*n))))
			g_notify_left = NOTIFY_CHUNK;
		if (g_notify_left)
			n = &g_notify_fresh[--g_notify_left];
	}
	if (n)
		*n = (struct track_notify){function, argument, stack, NULL};
	leave(flags);
	return n;
}

void track_notify_free(struct track_notify *n)
{
	uint32_t flags = enter();

	notify_put(n);
	leave(flags);
}

void track_notify_begin(const struct track_notify *n)
{
	if (track_has(TRACK_THREADS) && !(t_self.flags & IN_TRACKER))
		task_adopt(n->stack, n->function, FMT_TASK_FLAG_ADOPTED | FMT_TASK_FLAG_NOTIFY);
}

void timer_fork_child(void)
{
	/* All anew: a thread that is gone may have been at it. */
	sys_lock_reset(&g_lock);
	if (slab_room(&g_timers))
		memset(g_bucket, 0, sizeof(g_bucket));
	slab_forget_free(&g_timers);
	for (uint32_t i = 0; i < slab_room(&g_timers); i++) {
		struct slot *s = slab_at(&g_timers, i);

		if (s)
			slot_give(s);
	}
	for (uint32_t i = 0; i < ITIMERS; i++)
		g_itimer[i].serial = 0;
	for (uint32_t i = 0; i < g_sites; i++)
		g_site[i].created = g_site[i].deleted = 0;
}

/* ---- for the snapshot child ---- */

uint32_t timer_slots(void)
{
	return slab_room(&g_timers) + ITIMERS;
}

bool timer_get(uint32_t i, struct timer_view *out)
{
	const struct timer_view *v;

	if (i < ITIMERS) {
		v = &g_itimer[i];
	} else {
		const struct slot *s = slab_at(&g_timers, i - ITIMERS);

		if (!s)
			return false;
		v = &s->view;
	}
	uint64_t serial = __atomic_load_n(&v->serial, __ATOMIC_ACQUIRE);

	if (!serial)
		return false;
	WORDS_COPY(out, v);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return WORD_GET(&v->serial) == serial;
}

void timer_each_argument(void (*fn)(uintptr_t argument))
{
	for (uint32_t i = 0; i < slab_room(&g_timers); i++) {
		const struct slot *s = slab_at(&g_timers, i);

		if (s && s->view.serial && s->notify)
			fn(s->notify->argument);
	}
}

uint32_t timer_site_count(void)
{
	return __atomic_load_n(&g_sites, __ATOMIC_ACQUIRE);
}

void timer_site_get(uint32_t site, struct timer_site *out)
{
	WORDS_COPY(out, &g_site[site]);
}

uint64_t timer_lost(void)
{
	return __atomic_load_n(&g_lost, __ATOMIC_RELAXED);
}
