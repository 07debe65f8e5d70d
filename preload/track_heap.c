/*
 * track_heap.c - what hooks may say about heap blocks (track.h), and each thread's guard. Context:
 * any thread from its first instruction to its last, in signal handlers too; no libc call, no
 * errno, IN_TRACKER set around everything that touches a table.
 */
#include "context.h"
#include "live.h"
#include "track.h"
#include "track_count.h"
#include "track_sample.h"

TLS struct self t_self;
bool g_tracking;
uint32_t g_track_families = ~0u;
void (*g_track_thread_begin)(void);
void (*g_track_poll)(void);
void (*g_track_watch)(uint64_t going);

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

/* Of the heap, which is recorded. NULL: the event is lost, and counted so. */
static inline struct ctx *enter(void)
{
	struct ctx *c = t_self.ctx;

	if (unlikely(t_self.flags & IN_TRACKER)) {
		context_lost(FMT_AUDIT_LOST_REENTRANT);
		return NULL;
	}
	guard_set();
	if (likely(c) || (c = first_event())) {
		t_self.exact = g_sample_period || !c->stacks ? NULL : t_self.ctx;
		return c;
	}
	context_lost(FMT_AUDIT_LOST_NO_MEMORY);
	guard_clear();
	return NULL;
}

COLD void count_leave_due(struct ctx *c)
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
		count_leave_due(c);
	else
		guard_clear();
}

static inline bool tracking(void)
{
	return likely(__atomic_load_n(&g_tracking, __ATOMIC_RELAXED));
}

/* ---- counting ---- */

/* Below, `sampled` is g_sample_period != 0, known where the code is compiled: exact mode must not
 * ask again and again. */
#define FOR_BOTH static inline __attribute__((always_inline))

/* Into this thread's own site of the stack that made the block, whoever made it. */
FOR_BOTH void count_free(struct ctx *c, uintptr_t a, const struct block *b, uint32_t now,
                         bool sampled)
{
	struct site *s = context_site_at(b->site);
	bool own = s->context == c->number;
	unsigned bucket = fmt_age_bucket(count_age(b->birth, now));

	if (unlikely(!own)) {
		uint32_t site = context_site(c, s->stack);

		if (!site)
			return context_lost(FMT_AUDIT_LOST_NO_MEMORY);
		s = context_site_at(site);
	}
	/* Sampled mode: other blocks, too, may have been made since, but not without bytes. */
	c->undo.temporary = own && c->last == a && (!sampled || c->last_left == t_self.left);
	if (c->undo.temporary)
		c->last = 0;
	c->undo.address = a;
	c->undo.site = s;
	c->undo.bucket = bucket;
	if (sampled)
		return sampled_free(c, s, b->size, false);
	if (c->undo.temporary)
		ADD(&s->temporary, 1);
	if (bucket)
		context_ages_add(c, s, bucket);
	ADD(&s->bytes_freed, b->size);
	ADD(&s->frees, 1);
	ADD(&c->live, -(int64_t)b->size);
}

static COLD void unseen_free(struct ctx *c, const struct block *stale, uint32_t now)
{
	ADD(&c->unseen_frees, 1);
	/* No block's address: not a temporary. */
	if (g_sample_period)
		count_free(c, UINTPTR_MAX, stale, now, true);
	else
		count_free(c, UINTPTR_MAX, stale, now, false);
}

/* ---- what track.h offers ---- */

/* The table of live blocks, and in sampled mode the filter before it, which must know of a block
 * before anybody can free it. */
FOR_BOTH int put(uintptr_t a, const struct block *b, struct block *stale, bool sampled)
{
	int r;

	if (!sampled)
		return live_put(a, b, stale);
	sample_filter_add(a);
	r = live_put(a, b, stale);
	if (stale->site)
		sample_filter_remove(a);
	if (r < 0)
		sample_filter_remove(a);
	return r;
}

/* False when it cannot be kept. */
FOR_BOTH bool put_somewhere(struct ctx *c, uintptr_t a, const struct block *b, bool sampled)
{
	struct block stale;
	int r = put(a, b, &stale, sampled);

	if (unlikely(r) && stale.site)
		unseen_free(c, &stale, b->birth);
	if (unlikely(r < 0))
		context_lost(FMT_AUDIT_LOST_NO_MEMORY);
	return r >= 0;
}

FOR_BOTH void record_alloc(struct ctx *c, uintptr_t a, uint32_t stack, size_t bytes, bool sampled)
{
	struct block b = {.size = bytes, .birth = context_now(c)};

	if (unlikely(!stack))
		context_lost(FMT_AUDIT_LOST_NO_STACK);
	b.site = context_site(c, stack);
	c->last = a;
	if (sampled)
		c->last_left = t_self.left;
	if (!put_somewhere(c, a, &b, sampled))
		return;
	count_size(context_site_at(b.site), bytes);
	if (sampled)
		sampled_alloc(c, context_site_at(b.site), bytes);
	else
		count_alloc(c, context_site_at(b.site), bytes);
	if (unlikely(c->live > c->high))
		c->due |= DUE_WATCH;
}

static COLD void alloc_sampled(uintptr_t a, size_t bytes, const struct caller *from)
{
	struct ctx *c;

	if (!sample_draw(&t_self.left, &t_self.random, bytes) || !a || !(c = enter()))
		return;
	record_alloc(c, a, stack_capture(c->stacks, from), bytes, true);
	leave(c);
}

void track_alloc_seen(const void *p, size_t bytes, const struct caller *from)
{
	struct ctx *c;

	if (unlikely(!track_has(TRACK_HEAP)))
		return;
	if (unlikely(g_sample_period))
		return alloc_sampled((uintptr_t)p, bytes, from);
	if (!p || !(c = enter()))
		return;
	record_alloc(c, (uintptr_t)p, stack_capture(c->stacks, from), bytes, false);
	leave(c);
}

COLD void track_alloc_rest(struct ctx *c, uintptr_t a, uint32_t stack, size_t bytes)
{
	record_alloc(c, a, stack, bytes, false);
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
	g_track_watch(g_sample_period ? sampled_bytes(b->size) : b->size);
	*c = enter();
	return *c && live_take(a, b);
}

FOR_BOTH bool record_free(struct ctx *c, const void *p, struct block *was, bool sampled)
{
	struct block b;
	bool known = live_take((uintptr_t)p, &b);

	if (unlikely(known &&
	             c->live - (int64_t)(sampled ? sampled_bytes(b.size) : b.size) < c->low)) {
		known = show_first(&c, (uintptr_t)p, &b);
		if (!c)
			return false;
	}
	if (likely(known)) {
		count_free(c, (uintptr_t)p, &b, context_now(c), sampled);
		if (was)
			*was = b;
		if (sampled)
			sample_filter_remove((uintptr_t)p);
	} else if (!sampled) {
		ADD(&c->unknown_frees, 1);
	}
	leave(c);
	return known;
}

bool track_free_exact(const void *p, struct block *was)
{
	struct ctx *c;

	if (unlikely(!p || !track_has(TRACK_HEAP)) || !(c = enter()))
		return false;
	return record_free(c, p, was, false);
}

COLD bool track_free_sampled(const void *p, struct block *was)
{
	struct ctx *c;

	if (unlikely(!p || !track_has(TRACK_HEAP)) || !(c = enter()))
		return false;
	/* A handler's malloc came between the comparison and the subtraction of this thread's. */
	if (unlikely(t_self.left >> 63))
		sample_draw(&t_self.left, &t_self.random, SIZE_MAX);
	return record_free(c, p, was, true);
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
		c->undo.bucket = 0;
		c->undo.temporary = false;
	}
	c->undo.address = 0;
	if (c->undo.temporary)
		c->last = a;
	if (unlikely(g_sample_period))
		return sampled_free(c, s, b->size, true);
	if (c->undo.bucket)
		context_ages_undo(s, c->undo.bucket);
	if (c->undo.temporary)
		ADD(&s->temporary, -1ull);
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
	if (put((uintptr_t)p, was, &stale, g_sample_period != 0) < 0)
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
	/* Siblings must not draw the same samples. */
	t_self.random = 0;
	t_self.left = 0;
	t_self.exact = NULL;
	context_fork_child(t_self.ctx);
	stack_fork_child();
}

void track_thread_end(void)
{
	struct ctx *c = t_self.ctx;

	/* libc frees buffers of its own after this; those events lease anew, one by one. */
	guard_set();
	t_self.flags |= PAST_END;
	t_self.ctx = t_self.exact = NULL;
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
