/*
 * intended.c - see intended.h. Owns the list of what is intended and the scopes that are open;
 * reads the tables as the snapshot child does, and changes nothing in them. Context: calls of the
 * program through api.c; the readers are lock-free.
 */
#include "intended.h"

#include "context.h"
#include "fd.h"
#include "live.h"
#include "sys.h"
#include "task.h"
#include "timer.h"

enum { THINGS = 1 << 16, SCOPES = 64 };

struct thing {
	uint64_t id, birth; /* id: address, number or serial. birth: fd_key(); a block's site */
	uint32_t kind;
};

struct scope {
	bool used;
	uint32_t tick, n_sites, generation; /* generation: of descriptors */
	uint64_t begin_ns;
	uint64_t *allocs; /* by site, when the scope began; at its end how many came since */
};

static struct sys_lock g_lock;
static struct thing *g_thing; /* [THINGS], NULL until the first */
static uint32_t g_things;
static struct scope g_scope[SCOPES];

static bool enter(void)
{
	if (t_self.flags & IN_TRACKER)
		return false;
	t_self.flags |= IN_TRACKER;
	sys_lock(&g_lock);
	return true;
}

static void leave(void)
{
	sys_unlock(&g_lock);
	t_self.flags &= ~IN_TRACKER;
}

/* ---- the list ---- */

static bool is_there(const struct thing *t)
{
	struct fd_view fd;
	struct block b;

	if (t->kind == INTENDED_FD)
		return fd_get((uint32_t)t->id, &fd) && fd_key(&fd) == t->birth;
	if (t->kind == INTENDED_BLOCK)
		return live_find(t->id, &b) && b.site == t->birth;
	return true;
}

/* Blocks that are gone make room; a reader may miss what moves meanwhile, so only when it is full.
 */
static void sweep(void)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < g_things; i++)
		if (is_there(&g_thing[i]))
			g_thing[kept++] = g_thing[i];
	__atomic_store_n(&g_things, kept, __ATOMIC_RELEASE);
}

static bool add(enum intended_kind kind, uint64_t id, uint64_t birth)
{
	if (!g_thing && !(g_thing = sys_map(THINGS * sizeof(*g_thing))))
		return false;
	if (g_things == THINGS)
		sweep();
	if (g_things == THINGS)
		return false;
	g_thing[g_things] = (struct thing){id, birth, kind};
	__atomic_store_n(&g_things, g_things + 1, __ATOMIC_RELEASE);
	return true;
}

static bool find(enum intended_kind kind, uint64_t id, uint64_t birth)
{
	uint32_t n = __atomic_load_n(&g_things, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++)
		if (g_thing[i].kind == kind && g_thing[i].id == id && g_thing[i].birth == birth)
			return true;
	return false;
}

bool intended_fd(uint32_t fd, const struct fd_view *v)
{
	return g_things && find(INTENDED_FD, fd, fd_key(v));
}

bool intended_thread(uint64_t serial)
{
	return find(INTENDED_THREAD, serial, 0);
}

bool intended_timer(uint64_t serial)
{
	return find(INTENDED_TIMER, serial, 0);
}

void intended_each_block(void (*fn)(uintptr_t address))
{
	uint32_t n = __atomic_load_n(&g_things, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++)
		if (g_thing[i].kind == INTENDED_BLOCK && is_there(&g_thing[i]))
			fn(g_thing[i].id);
}

/* ---- one thing ---- */

static bool add_timer(uint64_t id)
{
	struct timer_view v;
	uint32_t n = timer_slots();

	for (uint32_t i = 0; i < n; i++)
		if (timer_get(i, &v) && v.kind == FMT_TIMER_POSIX && v.id == id)
			return add(INTENDED_TIMER, v.serial, 0);
	return false;
}

static bool add_thing(enum intended_kind kind, uint64_t id)
{
	struct fd_view fd;
	struct block b;

	switch (kind) {
	case INTENDED_BLOCK:
		return live_find(id, &b) && add(kind, id, b.site);
	case INTENDED_FD:
		return id < fd_limit() && fd_get((uint32_t)id, &fd) && add(kind, id, fd_key(&fd));
	case INTENDED_THREAD:
		return add(kind, id, 0);
	case INTENDED_TIMER:
		return add_timer(id);
	}
	return false;
}

bool intended_add(enum intended_kind kind, uint64_t id)
{
	/* That table has a lock of its own. */
	if (kind == INTENDED_THREAD) {
		struct track_thread thread = track_thread_find(id);
		if (!thread.task)
			return false;
		id = thread.serial;
	}
	if (!enter())
		return false;
	bool added = add_thing(kind, id);
	leave();
	return added;
}

/* ---- scopes ---- */

static uint64_t allocs_of(uint32_t site)
{
	const struct site *s = site_get(site);

	return s ? __atomic_load_n(&s->allocs, __ATOMIC_ACQUIRE) : 0;
}

static void begin(struct scope *s)
{
	/* From here on births are not before the tick. */
	if (t_self.ctx)
		context_refresh(t_self.ctx);
	s->used = true;
	s->tick = __atomic_load_n(&context_clock.tick, __ATOMIC_ACQUIRE);
	s->begin_ns = sys_now_ns();
	s->generation = fd_generation();
	s->n_sites = site_count() + 1;
	s->allocs = sys_map(s->n_sites * sizeof(*s->allocs));
	for (uint32_t i = 1; s->allocs && i < s->n_sites; i++)
		s->allocs[i] = allocs_of(i);
}

uint32_t intended_begin(void)
{
	uint32_t i = 0;

	if (!enter())
		return 0;
	while (i < SCOPES && g_scope[i].used)
		i++;
	if (i < SCOPES)
		begin(&g_scope[i]);
	leave();
	return i < SCOPES ? i + 1 : 0;
}

/* Of one scope: how many blocks of each site the thread has made in it. */
struct made {
	const struct scope *scope;
	uint64_t *count;
	uint32_t n;
};

static void add_block(uintptr_t address, const struct block *b, void *arg)
{
	struct made *m = arg;

	if (b->site >= m->n || !m->count[b->site] || b->birth < m->scope->tick)
		return;
	m->count[b->site]--;
	add(INTENDED_BLOCK, address, b->site);
}

static void end_heap(const struct scope *s)
{
	struct made m = {.scope = s, .n = site_count() + 1};
	bool any = false;

	if (!s->allocs || !t_self.ctx || !(m.count = sys_map(m.n * sizeof(*m.count))))
		return;
	for (uint32_t i = 1; i < m.n; i++) {
		const struct site *site = site_get(i);
		if (!site || site->context != t_self.ctx->number)
			continue;
		m.count[i] = allocs_of(i) - (i < s->n_sites ? s->allocs[i] : 0);
		any |= m.count[i] != 0;
	}
	if (any)
		live_walk(add_block, &m);
	sys_unmap(m.count, m.n * sizeof(*m.count));
}

static void end_rest(const struct scope *s, uint64_t me)
{
	struct fd_view fd;
	struct task_view task;
	struct timer_view timer;
	uint32_t n = fd_limit();

	for (uint32_t i = 0; i < n; i++)
		if (fd_get(i, &fd) && fd.task == (uint32_t)me && fd_born_after(&fd, s->generation))
			add(INTENDED_FD, i, fd_key(&fd));
	n = task_slots();
	for (uint32_t i = 0; i < n; i++)
		if (task_get(i, &task) && task.creator == me && task.born_ns >= s->begin_ns)
			add(INTENDED_THREAD, task.serial, 0);
	n = timer_slots();
	for (uint32_t i = 0; i < n; i++)
		if (timer_get(i, &timer) && timer.task == me && timer.born_ns >= s->begin_ns)
			add(INTENDED_TIMER, timer.serial, 0);
}

void intended_end(uint32_t scope)
{
	struct scope *s = &g_scope[scope - 1];

	if (!scope || scope > SCOPES || !enter())
		return;
	if (s->used) {
		end_heap(s);
		if (t_self.task)
			end_rest(s, task_serial(t_self.task));
		if (s->allocs)
			sys_unmap(s->allocs, s->n_sites * sizeof(*s->allocs));
		*s = (struct scope){.used = false};
	}
	leave();
}

void intended_fork_child(void)
{
	sys_lock_reset(&g_lock);
}
