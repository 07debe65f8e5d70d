/*
 * context.c - contexts and their sites: who leases which, the map from stacks to sites, the clock
 * of ticks. Context: any thread with IN_TRACKER set; what context.h offers to the snapshot child
 * reads only. Makes no pthread call: a thread's end is told by track_thread_end().
 *
 * All memory is taken from pieces that are never given back: a site stays where it is for as long
 * as the process lives, for blocks name it by number.
 */
#include "context.h"
#include "seccomp.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

enum { PIECE = 1 << 21, SMALL_PIECE = 4096, FREE_LOOK = 32 };

HOT_SHARED struct context_clock context_clock __attribute__((aligned(64)));
bool g_context_watched;

static struct ctx *g_contexts[CONTEXT_MAX]; /* by number - 1 */
static uint32_t g_n_contexts, g_n_chunks;
static struct sys_lock g_lock; /* over g_free, g_n_contexts, g_n_chunks and the piece */
static struct ctx *g_free;
static char *g_piece;
static size_t g_piece_left;
static bool g_site_piece[SITE_CHUNKS * SITE_CHUNK / (PIECE / sizeof(struct site))]; /* mapped */
static uint64_t g_start_ns, g_bytes;
static uint64_t g_lost[8];

#define RELAXED(p)    __atomic_load_n(p, __ATOMIC_RELAXED)
#define SET(p, v)     __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define PUBLISH(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

int context_init(void)
{
	g_start_ns = sys_coarse_ns();
	return 0;
}

uint32_t context_tick(void)
{
	return (uint32_t)((sys_coarse_ns() - g_start_ns) >> FMT_TICK_SHIFT);
}

void context_skip(uint32_t ticks)
{
	g_start_ns -= (uint64_t)ticks << FMT_TICK_SHIFT;
	__atomic_store_n(&context_clock.tick, context_tick(), __ATOMIC_RELAXED);
}

void context_lost(unsigned reason)
{
	__atomic_fetch_add(&g_lost[reason % 8], 1, __ATOMIC_RELAXED);
}

/* ---- memory ---- */

static void used(uint64_t bytes)
{
	__atomic_fetch_add(&g_bytes, bytes, __ATOMIC_RELAXED);
}

/* Whole pages, zeroed; g_lock is held. */
static void *pages(size_t bytes)
{
	char *p;

	bytes = (bytes + 4095) & ~(size_t)4095;
	if (g_piece_left < bytes) {
		p = sys_map(PIECE);
		if (!p)
			return NULL;
		g_piece_left = 0; /* in this order: a fork between them must not give twice */
		g_piece = p;
		g_piece_left = PIECE;
	}
	p = g_piece;
	g_piece_left -= bytes;
	g_piece += bytes;
	return p;
}

void *context_small(struct ctx *c, uint32_t bytes)
{
	void *p;

	bytes = (bytes + 7) & ~7u;
	if (c->small_left < bytes) {
		sys_lock(&g_lock);
		p = pages(SMALL_PIECE);
		sys_unlock(&g_lock);
		if (!p)
			return NULL;
		used(SMALL_PIECE);
		c->small = p;
		c->small_left = SMALL_PIECE;
	}
	p = c->small;
	c->small += bytes;
	c->small_left -= bytes;
	return p;
}

/* ---- sites ---- */

/* Memory for chunk n, or for the next one that can have some; 0 when there is none. A piece of
 * memory is for many chunks. g_lock is held. */
static uint32_t reach_chunk(uint32_t n)
{
	enum { CHUNKS = PIECE / (SITE_CHUNK * sizeof(struct site)) };

	while (n < SITE_CHUNKS) {
		int r = g_site_piece[n / CHUNKS]
		                ? 0
		                : sys_map_at(SYS_FIXED_SITES + n / CHUNKS * PIECE, PIECE);

		if (!r) {
			PUBLISH(&g_site_piece[n / CHUNKS], true);
			return n;
		}
		if (r != -EEXIST)
			break;
		n = (n / CHUNKS + 1) * CHUNKS;
	}
	return 0;
}

static bool new_chunk(struct ctx *c)
{
	uint32_t n;

	sys_lock(&g_lock);
	n = reach_chunk(g_n_chunks + 1); /* chunk 0 stays empty: no site is number 0 */
	if (n)
		PUBLISH(&g_n_chunks, n);
	sys_unlock(&g_lock);
	if (!n)
		return false;
	/* A thread with few stacks never needs more than a page of its first. */
	if (c->site_end)
		sys_populate(context_site_at(n * SITE_CHUNK), SITE_CHUNK * sizeof(struct site));
	c->site_at = n * SITE_CHUNK;
	c->site_end = c->site_at + SITE_CHUNK;
	return true;
}

COLD uint32_t context_site_new(struct ctx *c, uint32_t stack)
{
	uint32_t **leaf, site;
	struct site *s;

	if ((!stack && c->nowhere) || stack >= STACK_MAX)
		return c->nowhere;
	leaf = &c->leaf[stack / CONTEXT_LEAF];
	if (!*leaf)
		*leaf = context_small(c, CONTEXT_LEAF * sizeof(uint32_t));
	if (!*leaf || (c->site_at == c->site_end && !new_chunk(c))) {
		if (c->nowhere)
			context_lost(FMT_AUDIT_LOST_NO_STACK);
		return c->nowhere;
	}
	site = c->site_at++;
	if (!(site % (4096 / sizeof(struct site))))
		used(4096);
	s = context_site_at(site);
	__builtin_prefetch(s + 1, 1); /* for the next one */
	SET(&s->stack, stack);
	SET(&s->size_min, UINT32_MAX);
	PUBLISH(&s->context, c->number); /* last: it tells that the site is there */
	(*leaf)[stack % CONTEXT_LEAF] = site;
	return site;
}

/* ---- the clock ---- */

static void read_name(uint64_t name[2])
{
	name[0] = name[1] = 0;
	if (!g_seccomp_quiet)
		sys_call(SYS_prctl, PR_GET_NAME, name);
}

static void note_name(struct ctx *c)
{
	uint64_t name[2];

	if (g_seccomp_quiet)
		return; /* the one that it had */
	read_name(name);
	SET(&c->name[0], name[0]);
	SET(&c->name[1], name[1]);
}

/*
 * A thread with many events looks at the clock every few of them, one with few events at each: else
 * after a pause it would date blocks back to before it.
 */
void context_refresh(struct ctx *c)
{
	uint32_t now = context_tick(), seen = RELAXED(&context_clock.tick);

	while ((int32_t)(now - seen) > 0)
		if (__atomic_compare_exchange_n(&context_clock.tick, &seen, now, true,
		                                __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			c->due |= DUE_POLL; /* one thread a tick */
			break;
		}
	if (now == c->clock_tick && c->every < CONTEXT_CLOCK_EVERY)
		c->every *= 2;
	if (now - c->clock_tick > 1)
		c->every = 1;
	c->clock_tick = now;
	c->until = c->every;
	if ((int32_t)(now - c->name_due) >= 0) {
		/* Threads name themselves soon after they start, or are named. */
		c->name_due = now + (now - c->leased_tick) + 1;
		note_name(c);
	}
}

/* ---- leases ---- */

/* g_lock is held. The latest one given back, better one of the same name. */
static struct ctx *take_free(const uint64_t name[2])
{
	struct ctx **best = &g_free, **at = &g_free, *c;

	for (int i = 0; *at && i < FREE_LOOK; i++, at = &(*at)->next_free)
		if ((*at)->name[0] == name[0] && (*at)->name[1] == name[1]) {
			best = at;
			break;
		}
	c = *best;
	if (c)
		*best = c->next_free;
	return c;
}

/* g_lock is held. */
static struct ctx *new_context(void)
{
	struct ctx *c = g_n_contexts < CONTEXT_MAX ? pages(sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	c->number = g_n_contexts + 1;
	PUBLISH(&g_contexts[g_n_contexts], c);
	PUBLISH(&g_n_contexts, g_n_contexts + 1);
	return c;
}

COLD struct ctx *context_lease(void)
{
	uint32_t tid = (uint32_t)sys_gettid();
	uint64_t name[2];
	struct ctx *c;

	read_name(name);
	sys_lock(&g_lock);
	c = take_free(name);
	if (!c)
		c = new_context();
	if (c)
		SET(&c->leased, 1);
	sys_unlock(&g_lock);
	if (!c)
		return NULL;
	if (!c->nowhere) {
		used(4096);
		c->nowhere = context_site_new(c, 0);
		c->stacks = stack_cache_new();
	}
	stack_cache_leased(c->stacks);
	if (c->tid != tid) {
		SET(&c->tid, tid);
		SET(&c->n_threads, c->n_threads + 1);
		SET(&c->name[0], name[0]);
		SET(&c->name[1], name[1]);
		c->last = c->undo.address = 0;
	}
	c->due = 0;
	c->low = g_context_watched ? c->live : INT64_MIN;
	c->high = g_context_watched ? c->live : INT64_MAX;
	c->until = c->every = 1;
	c->clock_tick = c->name_due = c->leased_tick = context_tick();
	return c;
}

COLD void context_release(struct ctx *c, bool ended)
{
	if (ended)
		note_name(c);
	sys_lock(&g_lock);
	SET(&c->leased, 0);
	c->next_free = g_free;
	g_free = c;
	sys_unlock(&g_lock);
}

void context_fork_child(struct ctx *own)
{
	sys_lock_reset(&g_lock);
	g_free = NULL;
	for (uint32_t i = 0; i < g_n_contexts; i++) {
		struct ctx *c = g_contexts[i];

		if (c == own)
			continue;
		SET(&c->leased, 0);
		c->next_free = g_free;
		g_free = c;
	}
	if (own)
		SET(&own->tid, (uint32_t)sys_gettid());
}

/* ---- for the snapshot child ---- */

uint32_t context_count(void)
{
	return __atomic_load_n(&g_n_contexts, __ATOMIC_ACQUIRE);
}

void context_info(uint32_t context, struct context_info *out)
{
	struct ctx *c = __atomic_load_n(&g_contexts[(context - 1) % CONTEXT_MAX], __ATOMIC_ACQUIRE);
	uint64_t name[2];

	memset(out, 0, sizeof(*out));
	if (!c)
		return;
	name[0] = RELAXED(&c->name[0]);
	name[1] = RELAXED(&c->name[1]);
	memcpy(out->name, name, sizeof(out->name));
	out->name[sizeof(out->name) - 1] = 0;
	out->tid = RELAXED(&c->tid);
	out->n_threads = RELAXED(&c->n_threads);
	out->leased = RELAXED(&c->leased);
}

uint32_t site_count(void)
{
	uint32_t n = __atomic_load_n(&g_n_chunks, __ATOMIC_ACQUIRE);

	return n ? n * SITE_CHUNK + SITE_CHUNK - 1 : 0;
}

const struct site *site_run(uint32_t site, uint32_t most, uint32_t *n)
{
	const uint32_t left = SITE_CHUNK - site % SITE_CHUNK;

	*n = most < left ? most : left;
	if (site > site_count() ||
	    !__atomic_load_n(&g_site_piece[site / (PIECE / sizeof(struct site))], __ATOMIC_ACQUIRE))
		return NULL;
	return context_site_at(site);
}

const struct site *site_get(uint32_t site)
{
	uint32_t n;
	const struct site *s = site_run(site, 1, &n);

	return s && site_is_there(s) ? s : NULL;
}

void context_audit(struct context_audit *out)
{
	uint32_t n = context_count();

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < 8; i++)
		out->lost[i] = RELAXED(&g_lost[i]);
	for (uint32_t i = 0; i < n; i++) {
		const struct ctx *c = RELAXED(&g_contexts[i]);

		out->unknown_frees += RELAXED(&c->unknown_frees);
		out->unseen_frees += RELAXED(&c->unseen_frees);
	}
}

int64_t context_live_bytes(void)
{
	uint32_t n = context_count();
	int64_t live = 0;

	for (uint32_t i = 0; i < n; i++)
		live += RELAXED(&RELAXED(&g_contexts[i])->live);
	return live;
}

uint64_t context_bytes_used(void)
{
	return RELAXED(&g_bytes);
}
