/*
 * track_heap.c - what hooks may say about heap blocks (track.h), and each thread's guard. Context:
 * any thread from its first instruction to its last, in signal handlers too; no libc call, no
 * errno, IN_TRACKER set around everything that touches a table.
 */
#include "context.h"
#include "live.h"
#include "track.h"

TLS struct self t_self;
bool g_tracking;
uint32_t g_track_families = ~0u;
void (*g_track_thread_begin)(void);
void (*g_track_poll)(void);
void (*g_track_watch)(uint64_t going);

/* Only the lessee writes; the snapshot child must never see half a number. */
#define ADD(p, n) __atomic_store_n(p, *(p) + (n), __ATOMIC_RELAXED)

/* ---- the guard ---- */

/* For the compiler: a signal handler on this thread must find the flag as the code has it. */
static inline void guard_set(void)
{
	__atomic_store_n(&t_self.flags, t_self.flags | IN_TRACKER, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void guard_clear(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&t_self.flags, t_self.flags & ~IN_TRACKER, __ATOMIC_RELAXED);
}

static COLD struct ctx *first_event(void)
{
	struct ctx *c = context_lease();

	if (!c)
		return NULL;
	if (t_self.flags & PAST_END) {
		/* Nobody will tell us of a second end: leased for this event only. */
		c->due |= DUE_RELEASE;
		return c;
	}
	c->due |= DUE_BEGIN;
	t_self.ctx = c;
	return c;
}

/* NULL: the event is lost, and counted so. */
static inline struct ctx *enter(void)
{
	struct ctx *c = t_self.ctx;

	if (unlikely(t_self.flags & IN_TRACKER)) {
		context_lost(FMT_AUDIT_LOST_REENTRANT);
		return NULL;
	}
	guard_set();
	if (likely(c) || (c = first_event()))
		return c;
	context_lost(FMT_AUDIT_LOST_NO_MEMORY);
	guard_clear();
	return NULL;
}

static COLD void leave_due(struct ctx *c)
{
	uint32_t due = c->due;
	void (*poll)(void) = __atomic_load_n(&g_track_poll, __ATOMIC_ACQUIRE);
	void (*begin)(void) = __atomic_load_n(&g_track_thread_begin, __ATOMIC_ACQUIRE);

	c->due = 0;
	if (due & DUE_RELEASE)
		context_release(c, false);
	guard_clear();
	if (due & DUE_BEGIN && begin)
		begin();
	if (due & DUE_POLL && poll)
		poll();
	if (due & DUE_WATCH && g_track_watch)
		g_track_watch(0);
}

static inline void leave(struct ctx *c)
{
	if (unlikely(c->due))
		leave_due(c);
	else
		guard_clear();
}

static inline bool tracking(void)
{
	return likely(__atomic_load_n(&g_tracking, __ATOMIC_RELAXED));
}

/* ---- counting ---- */

static inline void count_alloc(struct site *s, uint64_t bytes)
{
	uint32_t size = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;

	if (size < s->size_min || !s->allocs)
		__atomic_store_n(&s->size_min, size, __ATOMIC_RELAXED);
	if (size > s->size_max)
		__atomic_store_n(&s->size_max, size, __ATOMIC_RELAXED);
	ADD(&s->bytes, bytes);
	ADD(&s->allocs, 1);
}

/* Births have 31 bits. A birth may be a little ahead of another thread's clock. */
static inline uint32_t age_of(uint32_t birth, uint32_t now)
{
	uint32_t age = (now - birth) & 0x7fffffff;

	return age < 0x7fffffff - 1024 ? age : 0;
}

static COLD void count_lifetime(struct ctx *c, struct site *s, unsigned bucket)
{
	if (!s->lifetimes)
		__atomic_store_n(&s->lifetimes,
		                 context_small(c, FMT_AGE_BUCKETS * sizeof(uint32_t)),
		                 __ATOMIC_RELEASE);
	if (s->lifetimes && s->lifetimes[bucket] != UINT32_MAX)
		ADD(&s->lifetimes[bucket], 1);
}

/* Into this thread's own site of the stack that made the block, whoever made it. */
static inline void count_free(struct ctx *c, uintptr_t a, const struct block *b, uint32_t now)
{
	struct site *s = context_site_at(b->site);
	bool own = s->context == c->number;
	unsigned bucket = fmt_age_bucket(age_of(b->birth, now));

	if (unlikely(!own)) {
		uint32_t site = context_site(c, s->stack);

		if (!site)
			return context_lost(FMT_AUDIT_LOST_NO_MEMORY);
		s = context_site_at(site);
	}
	c->undo.temporary = own && c->last == a;
	if (c->undo.temporary) {
		c->last = 0;
		ADD(&s->temporary, 1);
	}
	if (bucket)
		count_lifetime(c, s, bucket);
	ADD(&s->bytes_freed, b->size);
	ADD(&s->frees, 1);
	ADD(&c->live, -(int64_t)b->size);
	c->undo.address = a;
	c->undo.site = s;
	c->undo.bucket = bucket;
}

static COLD void unseen_free(struct ctx *c, const struct block *stale, uint32_t now)
{
	ADD(&c->unseen_frees, 1);
	count_free(c, UINTPTR_MAX, stale, now); /* no block's address: not a temporary */
}

/* ---- what track.h offers ---- */

static void record_alloc(struct ctx *c, uintptr_t a, size_t bytes, const struct caller *from)
{
	struct block b = {.size = bytes, .birth = context_now(c)}, stale;
	uint32_t stack;
	int r;

	live_prefetch(a);
	stack = stack_capture(c->stacks, from);
	if (unlikely(!stack))
		context_lost(FMT_AUDIT_LOST_NO_STACK);
	b.site = context_site(c, stack);
	c->last = a;
	r = live_put(a, &b, &stale);
	if (unlikely(r) && stale.site)
		unseen_free(c, &stale, b.birth);
	if (unlikely(r < 0))
		return context_lost(FMT_AUDIT_LOST_NO_MEMORY);
	count_alloc(context_site_at(b.site), bytes);
	ADD(&c->live, (int64_t)bytes);
	if (unlikely(c->live > c->high))
		c->due |= DUE_WATCH;
}

void track_alloc(const void *p, size_t bytes, const struct caller *from)
{
	struct ctx *c;

	if (unlikely(!p || !track_has(TRACK_HEAP)) || !(c = enter()))
		return;
	record_alloc(c, (uintptr_t)p, bytes, from);
	leave(c);
}

/*
 * Who watches may want to write down the heap with the block still in it. So it is put back for a
 * moment, in which it is the program's still. False: it is no longer known, or *c is NULL and the
 * event is lost.
 */
static COLD bool show_first(struct ctx **c, uintptr_t a, struct block *b)
{
	struct block stale;

	if (!g_track_watch || *c != t_self.ctx || live_put(a, b, &stale) < 0)
		return true;
	leave(*c);
	g_track_watch(b->size);
	*c = enter();
	return *c && live_take(a, b);
}

bool track_free(const void *p, struct block *was)
{
	struct block b;
	struct ctx *c;
	bool known;

	if (unlikely(!p || !track_has(TRACK_HEAP)) || !(c = enter()))
		return false;
	known = live_take((uintptr_t)p, &b);
	if (unlikely(known && c->live - (int64_t)b.size < c->low)) {
		known = show_first(&c, (uintptr_t)p, &b);
		if (!c)
			return false;
	}
	if (likely(known)) {
		count_free(c, (uintptr_t)p, &b, context_now(c));
		if (was)
			*was = b;
	} else {
		ADD(&c->unknown_frees, 1);
	}
	leave(c);
	return known;
}

static void undo_free(struct ctx *c, uintptr_t a, const struct block *b)
{
	struct site *s = c->undo.site;

	/* A signal handler may have freed others since: then the age is not known to be the same,
	 * and bucket 0, which nobody counts, takes the difference. */
	if (c->undo.address != a) {
		uint32_t site = context_site(c, context_site_at(b->site)->stack);

		if (!site)
			return;
		s = context_site_at(site);
	} else {
		if (c->undo.bucket && s->lifetimes && s->lifetimes[c->undo.bucket])
			ADD(&s->lifetimes[c->undo.bucket], -1u);
		if (c->undo.temporary) {
			ADD(&s->temporary, -1ull);
			c->last = a;
		}
		c->undo.address = 0;
	}
	ADD(&s->frees, -1ull);
	ADD(&s->bytes_freed, -b->size);
	ADD(&c->live, (int64_t)b->size);
}

void track_restore(const void *p, const struct block *was)
{
	struct block stale;
	struct ctx *c;

	if (unlikely(!p || !track_has(TRACK_HEAP)) || !(c = enter()))
		return;
	if (live_put((uintptr_t)p, was, &stale) < 0)
		context_lost(FMT_AUDIT_LOST_NO_MEMORY);
	else
		undo_free(c, (uintptr_t)p, was);
	leave(c);
}

void track_lost(unsigned reason)
{
	context_lost(reason);
}

void track_fork_child(void)
{
	live_fork_child();
	context_fork_child(t_self.ctx);
	stack_fork_child();
}

void track_thread_end(void)
{
	struct ctx *c = t_self.ctx;

	/* libc frees buffers of its own after this; those events lease anew, one by one. */
	guard_set();
	t_self.flags |= PAST_END;
	t_self.ctx = NULL;
	if (c)
		context_release(c, true);
	guard_clear();
}

/* ---- for the other tables ---- */

struct stack_cache *track_stack_cache(void)
{
	struct ctx *c = t_self.ctx;

	if (unlikely(!c) && tracking() && !(t_self.flags & (IN_TRACKER | PAST_END))) {
		guard_set();
		c = first_event();
		if (c)
			leave(c);
		else
			guard_clear();
	}
	return c ? c->stacks : NULL;
}
