/*
 * context.h - per-thread counters. A context is leased by a thread for its life and then by
 * another: counters are never lost and need no atomics (only the lessee writes). A site is what one
 * context has counted for one stack. Sites have table-wide numbers, so that a live block needs 23
 * bits to say both its stack and the thread that made it.
 */
#ifndef OUTLIVE_CONTEXT_H
#define OUTLIVE_CONTEXT_H

#include <stdint.h>

#include "format.h"
#include "stack.h"
#include "track.h"

/* One cache line. Written by the lessee only, read by the snapshot child with relaxed loads. */
struct site {
	uint64_t allocs, bytes;      /* made by this thread */
	uint64_t frees, bytes_freed; /* given back by this thread, of blocks from this stack */
	uint64_t temporary;          /* of the frees: freed before this thread allocated again */
	uint32_t size_min, size_max; /* saturated at 4 GB - 1 */
	uint32_t stack;
	uint32_t context;
	uintptr_t ages; /* context_ages.h; 0 until a freed block was older than a tick */
};

/*
 * In sampled mode the counters above are estimates, each sample counted for what it stands for:
 * bytes, and blocks in 2^-SAMPLE_FRACTION_BITS (sample_blocks()). What `ages` leads to then is
 * this, with what was really seen.
 */
struct site_sampled {
	uint32_t lifetimes[FMT_AGE_BUCKETS]; /* estimates, too */
	uint64_t made, freed;                /* samples */
	/* Of the estimates: sums of struct sample_weight's. */
	uint64_t objects_variance, bytes_variance;
	uint64_t objects_variance_freed, bytes_variance_freed;
};
/* NULL until the site's first sample. Sampled mode only. */
static inline const struct site_sampled *site_sampled(const struct site *s)
{
	return (const struct site_sampled *)__atomic_load_n(&s->ages, __ATOMIC_ACQUIRE);
}

/*
 * ---- for the snapshot child: lock-free, no TLS ----
 *
 * An allocation is counted before its block is handed out, so before any thread can free it. Who
 * reads the frees of all sites first and the allocs of all sites after that never sees more frees
 * than allocations of a stack.
 */

uint32_t context_count(void); /* contexts are 1..count */
struct context_info {
	uint32_t tid, n_threads; /* the latest thread, and how many there were */
	char name[16];
	bool leased;
};
void context_info(uint32_t context, struct context_info *out);
uint32_t site_count(void);                  /* sites are 1..count, with holes */
const struct site *site_get(uint32_t site); /* NULL for a hole */
/* For who reads them all: *n of them, `most` at most, lie together from this one on, holes among
 * them. NULL: they are all holes. */
const struct site *site_run(uint32_t site, uint32_t most, uint32_t *n);
static inline bool site_is_there(const struct site *s)
{
	return __atomic_load_n(&s->context, __ATOMIC_ACQUIRE) != 0;
}

struct context_audit {
	uint64_t lost[8]; /* by FMT_AUDIT_LOST_* */
	uint64_t unknown_frees, unseen_frees;
};
void context_audit(struct context_audit *out);
/* Live bytes of the heap: the sum over all contexts, at no cost that counts. */
int64_t context_live_bytes(void);
/* Bytes of contexts and sites that were touched. */
uint64_t context_bytes_used(void);
/* Ticks since context_init(), now. */
uint32_t context_tick(void);
/* Lets so many ticks pass at once. Where there is one thread only. */
void context_skip(uint32_t ticks);
/* Once, in the first hook: from here ticks count. 0 or -errno. */
int context_init(void);

/* ---- for track_*.c, IN_TRACKER set ---- */

enum {
	CONTEXT_LEAF = 256, /* stacks in a leaf of the map to sites */
	CONTEXT_ROOT = STACK_MAX / CONTEXT_LEAF + 1,
	SITE_CHUNK = 256,
	SITE_CHUNKS = 1 << 15,
	CONTEXT_MAX = 1 << 15,
	CONTEXT_CLOCK_EVERY = 16 /* events, at most, between two looks at the clock */
};

/* What must be done when the hook has left the tables: struct ctx, due. */
enum { DUE_POLL = 1u, DUE_BEGIN = 2u, DUE_RELEASE = 4u, DUE_WATCH = 8u };

struct ctx {
	/* The first cache line has all that each event looks at. */
	uint32_t number, due;
	uint32_t until, every; /* events until the clock is read, and between readings */
	struct stack_cache *stacks;
	/* Bytes made less bytes freed by this context, whose blocks they were; and the window which
	 * somebody wants to be told of when they leave it (watch.h). */
	int64_t live, low, high;
	uintptr_t last;     /* block that this thread made last, 0 if it freed it */
	uint64_t last_left; /* and t_self.left then */
	uint32_t leased, tid, n_threads;
	uint32_t clock_tick; /* when it was read last */
	uint64_t name[2];    /* char[16], NUL-filled, in words that are read whole */
	uint64_t unknown_frees, unseen_frees;
	struct ctx *next_free;
	uint32_t name_due; /* tick at which the name is asked for again */
	uint32_t leased_tick;
	uint32_t nowhere;           /* site of stack 0, for when there is no room for another */
	uint32_t site_at, site_end; /* sites to give out */
	uint32_t small_left;
	char *small; /* memory for leaves and lifetimes */
	/* The last free, for track_restore(). */
	struct {
		uintptr_t address;
		struct site *site;
		unsigned bucket;
		uint32_t lifetimes; /* sampled mode: what was added to the bucket */
		bool temporary;
	} undo;
	uint32_t *leaf[CONTEXT_ROOT]; /* stack to site of this context, 0 none yet */
};

/* The time of the process: moved by whoever reads the clock. */
extern struct context_clock {
	uint32_t tick;
} context_clock __attribute__((visibility("hidden")));

/* Set before anything is tracked: windows of contexts begin empty, so that the first event tells.
 */
extern bool g_context_watched __attribute__((visibility("hidden")));
/* For this thread; NULL when there is no memory. */
struct ctx *context_lease(void);
/* `ended`: the thread will not come back; its name is noted. */
void context_release(struct ctx *c, bool ended);
/* own: the context of the one thread that is left; may be NULL. */
void context_fork_child(struct ctx *own);
void context_lost(unsigned reason);
void context_refresh(struct ctx *c);
uint32_t context_site_new(struct ctx *c, uint32_t stack);
/* Zeroed, 8-byte aligned, at most 1 kB, for ever. NULL when there is no memory. */
void *context_small(struct ctx *c, uint32_t bytes);

/* In ticks, late by what context_now() is. */
static inline uint32_t context_time(void)
{
	return __atomic_load_n(&context_clock.tick, __ATOMIC_RELAXED);
}

/* Now, in ticks, late by no more than CONTEXT_CLOCK_EVERY events of this thread. */
static inline uint32_t context_now(struct ctx *c)
{
	if (unlikely(!--c->until))
		context_refresh(c);
	return context_time();
}

/* A site that was given out. */
static inline struct site *context_site_at(uint32_t site)
{
	return (struct site *)SYS_FIXED_SITES + site;
}

/* This context's site of a stack; 0 when it has none yet, and for stack 0. */
static inline uint32_t context_site_known(const struct ctx *c, uint32_t stack)
{
	const uint32_t *leaf =
	        likely(stack - 1 < STACK_MAX - 1) ? c->leaf[stack / CONTEXT_LEAF] : NULL;

	return likely(leaf) ? leaf[stack % CONTEXT_LEAF] : 0;
}

/* Makes it if need be; 0 when there is no room at all. */
static inline uint32_t context_site(struct ctx *c, uint32_t stack)
{
	uint32_t site = context_site_known(c, stack);

	return likely(site) ? site : context_site_new(c, stack);
}

#endif
