/*
 * track_plain.c - what nearly all events of the heap are: of a thread that has its context, outside
 * of any other hook, in exact mode; a block that is new, or one that this thread has made. Whatever
 * turns out to be otherwise is left to track_heap.c, before anything has been counted. Context: any
 * thread, in signal handlers too; no libc call, no errno. Here each instruction costs the program
 * some thousandths of its time: the two functions at the end call nothing, so that no register
 * needs to be saved; what is seldom they leave, with all that they know, to a function that takes
 * over for good (the Makefile has the compiler make a jump of that). They are told the context: a
 * handler of the program's that forks here leaves its child without t_self.exact.
 */
#include "context.h"
#include "live_hot.h"
#include "stack_hot.h"
#include "track.h"
#include "track_count.h"

/* predict_first() in assembly. */
_Static_assert(offsetof(struct ctx, stacks) == CTX_STACKS &&
                       offsetof(struct stack_cache, hot.top) == CACHE_TOP &&
                       offsetof(struct stack_cache, hot.records) == CACHE_RECORDS &&
                       offsetof(struct stack_cache, hot.line) == CACHE_LINE &&
                       offsetof(struct stack_cache, hot.before) == CACHE_BEFORE &&
                       PREDICT_LINE == 1 << (64 - PLACE_SLOT) &&
                       GUESS_OFFSET == (1 << PREDICT_OFFSET_BITS) - 1 && PLACE_BITS == 32 - 5,
               "numbers in assembly");

#define INLINE static inline __attribute__((always_inline))
#define APART  static __attribute__((noinline))

/* The flags are 0 before and after. For the compiler: a signal handler on this thread must find
 * them as the code has them. */
INLINE void guard_set(void)
{
	__atomic_store_n(&t_self.flags, IN_TRACKER, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

INLINE void guard_clear(uint32_t flags)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&t_self.flags, flags, __ATOMIC_RELAXED);
}

/* ---- blocks that are made ---- */

/* The block is not yet in the table; how it comes there is not the usual way. */
APART void *alloc_rest(struct ctx *c, void *p, size_t bytes, uint32_t site)
{
	track_alloc_rest(c, (uintptr_t)p, context_site_at(site)->stack, bytes);
	return p;
}

/* It is counted, and somebody is to be told. */
APART void *alloc_due(struct ctx *c, void *p)
{
	if (c->live > c->high)
		c->due |= DUE_WATCH;
	count_leave_due(c);
	return p;
}

/* Something becomes due where the clock is read, or the window is left: is_read tells the first. */
INLINE void *alloc(struct ctx *c, struct live_region *near, uint64_t *word, void *p, size_t bytes,
                   uint32_t site, bool is_read)
{
	const struct block b = {.size = bytes, .site = site, .birth = context_time()};
	struct site *s = context_site_at(site);

	if (unlikely(!live_put_hot(near, word, (uintptr_t)p, &b)))
		return alloc_rest(c, p, bytes, site);
	c->last = (uintptr_t)p;
	count_size(s, (uint32_t)bytes); /* more is not put there */
	count_alloc(c, s, bytes);
	if (unlikely(c->live > c->high || (is_read && c->due)))
		return alloc_due(c, p);
	guard_clear(0);
	return p;
}

APART void *alloc_slowly(struct ctx *c, void *p, size_t bytes, uint32_t stack, uint32_t site)
{
	struct live_region *near;
	uint64_t *word = live_fetch((uintptr_t)p, &near);

	if (!c->until)
		context_refresh(c);
	if (unlikely(!site)) {
		track_alloc_rest(c, (uintptr_t)p, stack, bytes);
		return p;
	}
	return alloc(c, near, word, p, bytes, site, true);
}

/* The clock is to be read, or the record does not yet have its site. */
APART void *alloc_known(struct ctx *c, void *p, size_t bytes, struct record *e)
{
	if (!e->site)
		e->site = context_site_known(c, predict_stack(e));
	return alloc_slowly(c, p, bytes, predict_stack(e), e->site);
}

/* The stack could not be guessed. */
APART void *alloc_walked(struct ctx *c, void *p, size_t bytes, uintptr_t ip, uintptr_t sp,
                         uintptr_t fp)
{
	const struct caller from = {ip, sp, fp};
	const uint32_t stack = stack_capture_otherwise(c->stacks, &from);

	c->until -= c->until > 0;
	return alloc_slowly(c, p, bytes, stack, context_site_known(c, stack));
}

/* There is no block; or a handler of the program's came during the real call, and we are its fork.
 */
APART void *alloc_forked(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp)
{
	const struct caller from = {ip, sp, fp};

	guard_clear(0);
	if (p)
		track_alloc_seen(p, bytes, &from);
	return p;
}

/* ---- blocks that are given back ---- */

INLINE bool gone(struct ctx *c, uint32_t flags)
{
	if (unlikely(c->due))
		count_leave_due(c);
	guard_clear(flags);
	return true;
}

/* All but the count of its age. */
APART bool free_due(struct ctx *c, uint32_t flags)
{
	return gone(c, flags);
}

APART bool free_aged(struct ctx *c, struct site *s, unsigned bucket, uint32_t flags)
{
	context_ages_add(c, s, bucket);
	return gone(c, flags);
}

/* flags: to leave with. was: for track_restore(), or NULL. is_read: the clock was. */
INLINE bool take(struct ctx *c, const void *p, uint32_t flags, struct block *was, bool is_read)
{
	const uintptr_t a = (uintptr_t)p;
	struct block b;
	struct site *s;
	uint64_t *word = live_peek_hot(a, &b);

	if (unlikely(!word || (s = context_site_at(b.site))->context != c->number ||
	             c->live - (int64_t)b.size < c->low)) {
		guard_clear(0);
		return false;
	}
	LIVE_STORE(word, 0);

	const bool temporary = c->last == a;

	if (temporary) {
		c->last = 0;
		ADD(&s->temporary, 1);
	}
	ADD(&s->bytes_freed, b.size);
	ADD(&s->frees, 1);
	ADD(&c->live, -(int64_t)b.size);

	const uint32_t age = count_age(b.birth, context_time());
	const unsigned bucket = fmt_age_bucket(age);

	if (was) {
		*was = b;
		c->undo.address = a;
		c->undo.site = s;
		c->undo.bucket = bucket;
		c->undo.temporary = temporary;
	}
	if (age) {
		uint32_t *count = (uint32_t *)s->ages;

		if (unlikely(!count || s->ages & AGES_FEW))
			return free_aged(c, s, bucket, flags);
		if (likely(count[bucket] != UINT32_MAX))
			ADD(&count[bucket], 1);
	}
	if (unlikely(is_read && c->due))
		return free_due(c, flags);
	guard_clear(flags);
	return true;
}

APART bool take_refreshed(struct ctx *c, const void *p, uint32_t flags)
{
	context_refresh(c);
	return take(c, p, flags, NULL, true);
}

bool track_free_plain_was(const void *p, struct block *was)
{
	struct ctx *c = t_self.exact;

	if (unlikely(!c))
		return false;
	guard_set();
	if (unlikely(!--c->until))
		context_refresh(c);
	return take(c, p, 0, was, true);
}

bool track_free_plain(const void *p)
{
	return track_free_plain_was(p, NULL);
}

/* ---- the two ---- */

HOT void *track_alloc_guessed(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp,
                              struct record *e)
{
	struct ctx *c = t_self.exact;

	if (unlikely(!p || !c))
		return alloc_forked(p, bytes, ip, sp, fp);
	guard_set();

	struct live_region *near;
	uint64_t *word = live_fetch((uintptr_t)p, &near);

	e = stack_capture_hot(c->stacks, e, ip, sp, fp);
	if (unlikely(!e))
		return alloc_walked(c, p, bytes, ip, sp, fp);
	if (unlikely(!--c->until || !e->site))
		return alloc_known(c, p, bytes, e);
	return alloc(c, near, word, p, bytes, e->site, false);
}

HOT void *track_alloc_plain(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp)
{
	const struct ctx *c = t_self.exact;
	struct record *e = c ? predict_first(&c->stacks->hot, ip, sp) : NULL;

	return track_alloc_guessed(p, bytes, ip, sp, fp, e);
}

HOT bool track_free_ahead(const void *p)
{
	struct ctx *c = t_self.exact;

	if (unlikely(!c))
		return false;
	guard_set();
	if (unlikely(!--c->until))
		return take_refreshed(c, p, IN_HEAP);
	return take(c, p, IN_HEAP, NULL, false);
}
