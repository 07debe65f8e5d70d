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

HOT void *track_alloc_plain(void *p, size_t bytes, const struct caller *from)
{
	const uintptr_t a = (uintptr_t)p;
	struct ctx *c = t_self.exact;

	if (unlikely(!p)) {
		guard_clear();
		return NULL;
	}
	guard_set();

	struct live_span *span = live_span(a);
	uint64_t *word = live_fetch(span, a);

	const uint32_t stack = stack_capture(c->stacks, from), site = context_site_known(c, stack);
	struct site *s = context_site_at(site);

	if (unlikely(!site)) {
		track_alloc_rest(c, a, stack, bytes);
		return p;
	}

	const struct block b = {.size = bytes, .site = site, .birth = context_now(c)};

	if (unlikely(!live_put_hot(span, word, a, &b))) {
		track_alloc_rest(c, a, stack, bytes);
		return p;
	}
	c->last = a;
	count_size(s, (uint32_t)bytes); /* more is not put there */
	count_alloc(c, s, bytes);
	if (unlikely(c->live > c->high))
		c->due |= DUE_WATCH;
	leave(c);
	return p;
}

/* Known in each of the two functions below: most frees have nothing to be undone. */
#define FOR_BOTH static inline __attribute__((always_inline))

/* s is this thread's own site of the block. was: for track_restore(), or NULL. */
FOR_BOTH void count_free(struct ctx *c, struct site *s, uintptr_t a, const struct block *b,
                         struct block *was)
{
	const bool temporary = c->last == a;

	if (temporary) {
		c->last = 0;
		ADD(&s->temporary, 1);
	}
	ADD(&s->bytes_freed, b->size);
	ADD(&s->frees, 1);
	ADD(&c->live, -(int64_t)b->size);

	const uint32_t age = count_age(b->birth, context_now(c));

	if (age)
		context_ages_add(c, s, fmt_age_bucket(age));
	if (was) {
		*was = *b;
		c->undo.address = a;
		c->undo.site = s;
		c->undo.bucket = fmt_age_bucket(age);
		c->undo.temporary = temporary;
	}
}

FOR_BOTH bool free_plain(const void *p, struct block *was)
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
	count_free(c, s, a, &b, was);
	leave(c);
	return true;
}

HOT bool track_free_plain(const void *p)
{
	return free_plain(p, NULL);
}

HOT bool track_free_plain_was(const void *p, struct block *was)
{
	return free_plain(p, was);
}
