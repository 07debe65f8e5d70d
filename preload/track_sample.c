/*
 * track_sample.c - see track_sample.h. Context: any thread, a signal handler too, IN_TRACKER set;
 * only the context's lessee writes, and the snapshot child must never see half a number.
 */
#include "track_sample.h"

#include "track.h"

#define ADD(p, n) __atomic_store_n(p, *(p) + (n), __ATOMIC_RELAXED)

uint64_t sampled_bytes(uint64_t size)
{
	struct sample_weight w;

	sample_weigh(size, &w);
	return w.bytes;
}

/* A site has this behind its ages from its first event on. NULL: no memory. */
static struct site_sampled *sampled_of(struct ctx *c, struct site *s)
{
	if (!s->ages)
		__atomic_store_n(&s->ages, (uintptr_t)context_small(c, sizeof(struct site_sampled)),
		                 __ATOMIC_RELEASE);
	return (struct site_sampled *)s->ages;
}

/* Calls that were passed over are not counted one by one. A single sample of a small block says
 * little of how many there were. */
static void count_passed(uint64_t objects)
{
	const uint64_t most = 4000, n = sample_blocks(objects);

	t_self.n_heap += (uint32_t)(n < most ? n : most);
}

COLD void sampled_alloc(struct ctx *c, struct site *s, uint64_t size)
{
	struct site_sampled *more = sampled_of(c, s);
	struct sample_weight w;

	sample_weigh(size, &w);
	count_passed(w.objects);
	if (more) {
		ADD(&more->made, 1);
		ADD(&more->objects_variance, w.objects_variance);
		ADD(&more->bytes_variance, w.bytes_variance);
	}
	ADD(&s->bytes, w.bytes);
	ADD(&s->allocs, w.objects);
	ADD(&c->live, (int64_t)w.bytes);
}

COLD void sampled_free(struct ctx *c, struct site *s, uint64_t size, bool undone)
{
	struct site_sampled *more = sampled_of(c, s);
	const uint64_t by = undone ? -1ull : 1;
	struct sample_weight w;

	sample_weigh(size, &w);
	if (more) {
		ADD(&more->freed, by);
		ADD(&more->objects_variance_freed, by * w.objects_variance);
		ADD(&more->bytes_variance_freed, by * w.bytes_variance);
		if (c->undo.bucket && !undone)
			c->undo.lifetimes = sample_round(&t_self.random, w.objects);
		if (c->undo.bucket)
			ADD(&more->lifetimes[c->undo.bucket], (uint32_t)by * c->undo.lifetimes);
	}
	if (c->undo.temporary)
		ADD(&s->temporary, by * w.objects);
	ADD(&s->bytes_freed, by * w.bytes);
	ADD(&s->frees, by * w.objects);
	ADD(&c->live, -(int64_t)(by * w.bytes));
}
