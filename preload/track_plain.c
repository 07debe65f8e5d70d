/*
 * track_plain.c - what nearly all events of the heap are: of a thread that has its context, outside
 * of any other hook, in exact mode; a block that is new, or one that this thread has made. Whatever
 * turns out to be otherwise is left to track_heap.c, before anything has been counted. Context: any
 * thread, in signal handlers too; no libc call, no errno. Here each instruction costs the program
 * some thousandths of its time.
 */
#include "context.h"
#include "live_hot.h"
#include "track.h"
#include "track_count.h"

/* The flags are 0 before and after. For the compiler: a signal handler on this thread must find
 * them as the code has them. */
static inline void guard_set(void)
{
	__atomic_store_n(&t_self.flags, IN_TRACKER, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void guard_clear(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&t_self.flags, 0, __ATOMIC_RELAXED);
}

static inline void leave(struct ctx *c)
{
	if (unlikely(c->due))
		count_leave_due(c);
	else
		guard_clear();
}

HOT void track_alloc_plain(const void *p, size_t bytes, const struct caller *from)
{
	const uintptr_t a = (uintptr_t)p;
	struct ctx *c = t_self.exact;

	if (unlikely(!p || bytes > UINT32_MAX))
		return track_alloc_seen(p, bytes, from);
	guard_set();

	struct live_span *span = live_span(a);

	live_fetch(span, a);

	const uint32_t stack = stack_capture(c->stacks, from), site = context_site_known(c, stack);
	struct site *s = context_site_at(site);

	if (unlikely(!site))
		return track_alloc_rest(c, a, stack, bytes);

	const struct block b = {.size = bytes, .site = site, .birth = context_now(c)};

	if (unlikely(!live_put_hot(span, a, &b)))
		return track_alloc_rest(c, a, stack, bytes);
	c->last = a;
	count_size(s, bytes);
	count_alloc(c, s, bytes);
	if (unlikely(c->live > c->high))
		c->due |= DUE_WATCH;
	leave(c);
}

/* s is this thread's own site of the block. */
static inline void count_free(struct ctx *c, struct site *s, uintptr_t a, const struct block *b)
{
	if (c->last == a) {
		c->last = 0;
		ADD(&s->temporary, 1);
	}
	ADD(&s->bytes_freed, b->size);
	ADD(&s->frees, 1);
	ADD(&c->live, -(int64_t)b->size);

	uint32_t age = count_age(b->birth, context_now(c));

	if (age)
		context_ages_add(c, s, fmt_age_bucket(age));
}

HOT bool track_free_plain(const void *p)
{
	const uintptr_t a = (uintptr_t)p;
	struct ctx *c = t_self.exact;
	struct block b;
	struct site *s;
	uint64_t *word;

	guard_set();
	if (unlikely(!(word = live_peek_hot(live_span(a), a, &b)) ||
	             (s = context_site_at(b.site))->context != c->number ||
	             c->live - (int64_t)b.size < c->low)) {
		guard_clear();
		return false;
	}
	LIVE_STORE(word, 0);
	count_free(c, s, a, &b);
	leave(c);
	return true;
}
