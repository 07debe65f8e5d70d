/*
 * track_map.c - see map.h. Context: any thread; in a signal handler that interrupts the tracker the
 * event is lost, and counted so. No libc call but string functions, errno is untouched.
 */
#include "map.h"

#include <time.h>

#include "context.h"
#include "map_tree.h"
#include "process.h"
#include "track.h"

enum {
	CHUNK = 1024,
	MAPPING_CHUNKS = 4096,
	SITE_CHUNKS_OF_MAPS = 64,
	SLOTS = 1 << 17, /* of the hash from (stack, context) to site: twice the sites */
};
_Static_assert(SLOTS == 2 * CHUNK * SITE_CHUNKS_OF_MAPS, "half full at most");

struct mapping {
	uint64_t bytes;
	uint32_t site, birth;
	uint32_t pieces; /* in the tree, or on their way out; 0: not in use */
	uint32_t next_free;
};

static struct sys_lock g_lock;
static struct mapping *g_mapping[MAPPING_CHUNKS];
static struct map_site *g_site[SITE_CHUNKS_OF_MAPS];
static uint32_t *g_slots;
static uint32_t g_n_mappings, g_n_sites, g_free;
static uint64_t g_lost;

#define SET(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define ADD(p, n) __atomic_store_n(p, *(p) + (n), __ATOMIC_RELAXED)

/* ---- in and out ---- */

struct entry {
	uint32_t flags;
	struct ctx *ctx;
};

/* False: not the program's doing, or lost. */
static bool enter(struct entry *e)
{
	e->flags = t_self.flags;
	if (!track_has(TRACK_MMAP) || (e->flags & IN_HEAP) || !process_owns_tables())
		return false;
	struct stack_cache *cache = track_stack_cache();

	e->ctx = t_self.ctx;
	if (!cache || !e->ctx || (e->flags & IN_TRACKER)) {
		__atomic_fetch_add(&g_lost, 1, __ATOMIC_RELAXED);
		return false;
	}
	t_self.flags = e->flags | IN_TRACKER;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return true;
}

static void leave(const struct entry *e)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t_self.flags = e->flags;
}

/* ---- sites; under the lock ---- */

static struct map_site *site_at(uint32_t i)
{
	return &g_site[(i - 1) / CHUNK][(i - 1) % CHUNK];
}

static uint32_t new_site(uint32_t stack, uint32_t context)
{
	uint32_t i = g_n_sites + 1;

	if (i > CHUNK * SITE_CHUNKS_OF_MAPS)
		return 0;
	struct map_site **chunk = &g_site[(i - 1) / CHUNK];
	if (!*chunk && !(*chunk = sys_map(CHUNK * sizeof(**chunk))))
		return 0;
	site_at(i)->stack = stack;
	site_at(i)->context = context;
	__atomic_store_n(&g_n_sites, i, __ATOMIC_RELEASE);
	return i;
}

/* 0: no room. */
static uint32_t site_of(uint32_t stack, uint32_t context)
{
	uint32_t at = (stack * 0x9E3779B1u ^ context * 0x85EBCA6Bu) >> 15;

	if (!g_slots && !(g_slots = sys_map(SLOTS * sizeof(*g_slots))))
		return 0;
	for (;; at = (at + 1) % SLOTS) {
		if (!g_slots[at])
			return g_slots[at] = new_site(stack, context);
		const struct map_site *s = site_at(g_slots[at]);
		if (s->stack == stack && s->context == context)
			return g_slots[at];
	}
}

/* ---- mappings; under the lock ---- */

static struct mapping *mapping_at(uint32_t i)
{
	return &g_mapping[i / CHUNK][i % CHUNK];
}

static uint32_t new_mapping(void)
{
	uint32_t i = g_free;

	if (i) {
		g_free = mapping_at(i)->next_free;
		return i;
	}
	i = g_n_mappings + 1;
	if (i / CHUNK >= MAPPING_CHUNKS)
		return 0;
	struct mapping **chunk = &g_mapping[i / CHUNK];
	if (!*chunk && !(*chunk = sys_map(CHUNK * sizeof(**chunk))))
		return 0;
	__atomic_store_n(&g_n_mappings, i, __ATOMIC_RELEASE);
	return i;
}

static void count_gone(struct ctx *c, struct mapping *m, uint64_t bytes)
{
	uint32_t site = site_of(site_at(m->site)->stack, c->number);
	struct map_site *s = site_at(site ? site : m->site);

	ADD(&s->bytes_freed, bytes);
	SET(&m->bytes, m->bytes > bytes ? m->bytes - bytes : 0);
	if (--m->pieces)
		return;
	unsigned bucket = fmt_age_bucket((context_now(c) - m->birth) & 0x7fffffff);

	ADD(&s->lifetimes[bucket], 1);
	ADD(&s->frees, 1);
	SET(&m->site, 0);
}

static void drop(struct ctx *c, const struct map_piece *p)
{
	struct mapping *m = mapping_at(p->mapping);

	count_gone(c, m, p->end - p->start);
	if (!m->pieces) {
		m->next_free = g_free;
		g_free = p->mapping;
	}
}

struct taking {
	struct ctx *ctx;
	struct track_unmapped *into; /* NULL: gone for good */
};

static void taken(const struct map_piece *part, int left, void *arg)
{
	struct taking *t = arg;
	struct mapping *m = mapping_at(part->mapping);

	if (left < 0) {
		g_lost++;
		left = 1;
	}
	/* The part is one of its own now, until it is known to be gone. */
	m->pieces += (uint32_t)left;
	if (!t->into || t->into->n == TRACK_UNMAPPED_PIECES) {
		drop(t->ctx, part);
		return;
	}
	t->into->piece[t->into->n].start = part->start;
	t->into->piece[t->into->n].end = part->end;
	t->into->piece[t->into->n++].mapping = part->mapping;
}

static void add(struct ctx *c, uintptr_t start, uint64_t bytes, uint32_t stack)
{
	struct taking stale = {c, NULL};
	uint32_t site = site_of(stack, c->number), i = site ? new_mapping() : 0;
	struct map_piece piece = {start, start + bytes, i};

	/* What was there has gone by a path that we do not see. */
	map_tree_take(piece.start, piece.end, taken, &stale);
	if (!i || !map_tree_put(&piece)) {
		if (i) {
			mapping_at(i)->next_free = g_free;
			g_free = i;
		}
		g_lost++;
		return;
	}
	struct mapping *m = mapping_at(i);
	struct map_site *s = site_at(site);

	ADD(&s->allocs, 1);
	ADD(&s->bytes, bytes);
	if (bytes < s->size_min || !s->size_max)
		SET(&s->size_min, bytes);
	if (bytes > s->size_max)
		SET(&s->size_max, bytes);
	SET(&m->bytes, bytes);
	SET(&m->birth, context_now(c));
	m->pieces = 1;
	__atomic_store_n(&m->site, site, __ATOMIC_RELEASE);
}

/* ---- what hooks call ---- */

void track_map(uintptr_t start, size_t bytes, const struct caller *from)
{
	struct entry e;

	if (!bytes || !enter(&e))
		return;
	uint32_t stack = stack_capture(e.ctx->stacks, from);

	sys_lock(&g_lock);
	add(e.ctx, start, bytes, stack);
	sys_unlock(&g_lock);
	leave(&e);
}

void track_unmap(uintptr_t start, size_t bytes, struct track_unmapped *gone)
{
	struct entry e;

	gone->n = 0;
	if (!bytes || start + bytes < start || !__atomic_load_n(&g_n_mappings, __ATOMIC_RELAXED) ||
	    !enter(&e))
		return;
	struct taking t = {e.ctx, gone};

	sys_lock(&g_lock);
	map_tree_take(start, start + bytes, taken, &t);
	sys_unlock(&g_lock);
	leave(&e);
}

void track_unmapped(const struct track_unmapped *gone, bool is_gone)
{
	struct entry e;

	if (!gone->n || !enter(&e))
		return;
	sys_lock(&g_lock);
	for (unsigned i = 0; i < gone->n; i++) {
		struct map_piece p = {gone->piece[i].start, gone->piece[i].end,
		                      gone->piece[i].mapping};

		if (is_gone || !map_tree_put(&p))
			drop(e.ctx, &p);
	}
	sys_unlock(&g_lock);
	leave(&e);
}

/* ---- life ---- */

void map_fork_child(void)
{
	sys_lock_reset(&g_lock);
	map_tree_rebuild();
}

/* ---- for the snapshot child ---- */

struct each {
	void (*fn)(uintptr_t start, uintptr_t end, void *arg);
	void *arg;
};

static void each(const struct map_piece *piece, void *arg)
{
	const struct each *e = arg;

	e->fn(piece->start, piece->end, e->arg);
}

void map_each(void (*fn)(uintptr_t start, uintptr_t end, void *arg), void *arg)
{
	struct each e = {fn, arg};

	map_tree_each(each, &e);
}

bool map_hold(void)
{
	struct timespec a_while = {0, 1000000};

	/* Held for a few hundred ns: who waits for longer waits for itself, in a signal handler. */
	for (int tries = 0; tries < 50; tries++) {
		if (sys_try_lock(&g_lock))
			return true;
		sys_call(SYS_nanosleep, &a_while, NULL);
	}
	return false;
}

void map_let_go(void)
{
	sys_unlock(&g_lock);
}

uint32_t map_site_count(void)
{
	return __atomic_load_n(&g_n_sites, __ATOMIC_ACQUIRE);
}

const struct map_site *map_site_get(uint32_t site)
{
	return site && site <= map_site_count() ? site_at(site) : NULL;
}

uint32_t map_count(void)
{
	return __atomic_load_n(&g_n_mappings, __ATOMIC_ACQUIRE);
}

bool map_get(uint32_t mapping, struct map_view *out)
{
	const struct mapping *m = mapping_at(mapping);

	out->site = __atomic_load_n(&m->site, __ATOMIC_ACQUIRE);
	out->bytes = __atomic_load_n(&m->bytes, __ATOMIC_RELAXED);
	out->birth = __atomic_load_n(&m->birth, __ATOMIC_RELAXED);
	return out->site && out->site <= map_site_count();
}

uint64_t map_lost(void)
{
	return __atomic_load_n(&g_lost, __ATOMIC_RELAXED);
}

uint64_t map_bytes_used(void)
{
	return map_tree_bytes() + (uint64_t)map_count() * sizeof(struct mapping) +
	       (uint64_t)map_site_count() * (sizeof(struct map_site) + 8);
}
