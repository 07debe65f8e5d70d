/*
 * tests.c - see tests.h. Owns spans, their names, and the notes of what grew. Reads the sites'
 * counters, as the snapshot child does, and changes nothing in them. Context: calls of the program
 * through api.c, no signal handler.
 */
#include "tests.h"

#include <string.h>

#include "context.h"
#include "fd.h"
#include "stack.h"
#include "sys.h"
#include "track.h"

/* Far more than is ever touched: pages come with their use. */
struct tables {
	struct tests_span span[TESTS_MAX];
	struct tests_grown grown[TESTS_GROWN_MAX];
	char names[TESTS_NAMES];
	uint32_t latest[STACK_MAX + 1]; /* by stack: its newest entry of grown[], plus 1 */
	struct tests_sum sum[2][STACK_MAX + 1];
	struct {
		uint64_t key;
		uint32_t span; /* plus 1 */
	} fd[TESTS_FDS];
};

static struct sys_lock g_lock;
static struct tables *g_tables;
static uint32_t g_first;                           /* of this process */
static uint32_t g_spans, g_open, g_grown, g_names; /* g_open: plus 1, 0 none */
static uint32_t g_base;                            /* which of sum[] is of the last boundary */
static uint32_t g_base_stacks;

/* ---- reading ---- */

uint32_t tests_count(void)
{
	return __atomic_load_n(&g_spans, __ATOMIC_ACQUIRE);
}

uint32_t tests_first(void)
{
	return g_first;
}

bool tests_get(uint32_t span, struct tests_span *out)
{
	if (span >= tests_count())
		return false;
	*out = g_tables->span[span];
	return true;
}

const char *tests_name(const struct tests_span *s)
{
	return g_tables->names + s->name;
}

bool tests_open(uint32_t *span)
{
	uint32_t open = __atomic_load_n(&g_open, __ATOMIC_ACQUIRE);

	*span = open - 1;
	return open != 0;
}

uint32_t tests_grown_count(void)
{
	return __atomic_load_n(&g_grown, __ATOMIC_ACQUIRE);
}

void tests_grown_get(uint32_t i, struct tests_grown *out)
{
	*out = g_tables->grown[i];
}

static uint32_t stack_of(const struct site *s, uint32_t n)
{
	uint32_t stack = __atomic_load_n(&s->stack, __ATOMIC_ACQUIRE);

	return stack < n ? stack : 0;
}

/* Frees before allocations, so that nothing seems to be freed that was never made. */
void tests_live(struct tests_sum *by_stack, uint32_t n)
{
	uint32_t sites = site_count();
	const struct site *s;

	for (uint32_t i = 1; i <= sites; i++)
		if ((s = site_get(i))) {
			struct tests_sum *sum = &by_stack[stack_of(s, n)];
			sum->blocks -= __atomic_load_n(&s->frees, __ATOMIC_ACQUIRE);
			sum->bytes -= __atomic_load_n(&s->bytes_freed, __ATOMIC_ACQUIRE);
		}
	sites = site_count();
	for (uint32_t i = 1; i <= sites; i++)
		if ((s = site_get(i))) {
			struct tests_sum *sum = &by_stack[stack_of(s, n)];
			sum->blocks += __atomic_load_n(&s->allocs, __ATOMIC_ACQUIRE);
			sum->bytes += __atomic_load_n(&s->bytes, __ATOMIC_ACQUIRE);
		}
}

void tests_less_base(struct tests_sum *by_stack, uint32_t n)
{
	uint32_t base = __atomic_load_n(&g_base, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; g_tables && i < n && i < g_base_stacks; i++) {
		by_stack[i].blocks -= g_tables->sum[base][i].blocks;
		by_stack[i].bytes -= g_tables->sum[base][i].bytes;
	}
}

uint64_t tests_allocs(void)
{
	uint32_t sites = site_count();
	uint64_t allocs = 0;

	for (uint32_t i = 1; i <= sites; i++) {
		const struct site *s = site_get(i);
		allocs += s ? __atomic_load_n(&s->allocs, __ATOMIC_RELAXED) : 0;
	}
	return allocs;
}

void tests_see_live(int64_t live)
{
	uint32_t open;

	if (!tests_open(&open) || live <= g_tables->span[open].live)
		return;
	uint64_t more = (uint64_t)(live - g_tables->span[open].live);
	uint64_t *peak = &g_tables->span[open].peak, was = __atomic_load_n(peak, __ATOMIC_RELAXED);
	while (more > was && !__atomic_compare_exchange_n(peak, &was, more, true, __ATOMIC_RELAXED,
	                                                  __ATOMIC_RELAXED))
		continue;
}

/* ---- what grew ---- */

static void note_growth(uint32_t stack, uint32_t span, const struct tests_sum *by)
{
	struct tables *t = g_tables;

	if (g_grown == TESTS_GROWN_MAX)
		return;
	t->grown[g_grown] = (struct tests_grown){.stack = stack,
	                                         .span = span,
	                                         .blocks = by->blocks,
	                                         .bytes = by->bytes,
	                                         .before = t->latest[stack]};
	t->latest[stack] = g_grown + 1;
	__atomic_store_n(&g_grown, g_grown + 1, __ATOMIC_RELEASE);
}

static uint64_t take(uint64_t *from, uint64_t want)
{
	uint64_t taken = *from < want ? *from : want;

	*from -= taken;
	return want - taken;
}

/* What was made last is given back first: a teardown frees what its own test has made. */
static void note_return(uint32_t stack, uint64_t blocks, uint64_t bytes)
{
	struct tables *t = g_tables;

	while (t->latest[stack] && (blocks || bytes)) {
		struct tests_grown *g = &t->grown[t->latest[stack] - 1];
		blocks = take(&g->blocks, blocks);
		bytes = take(&g->bytes, bytes);
		if (g->blocks)
			return;
		g->bytes = 0;
		t->latest[stack] = g->before;
	}
}

static void compare(struct tests_sum *now, uint32_t n)
{
	const struct tests_sum *base = g_tables->sum[g_base];

	for (uint32_t i = 1; i < n; i++) {
		struct tests_sum old = i < g_base_stacks ? base[i] : (struct tests_sum){0, 0};
		struct tests_sum by = {now[i].blocks - old.blocks, now[i].bytes - old.bytes};

		if ((int64_t)by.blocks > 0) {
			if (!g_open)
				continue;
			/* More blocks may be fewer bytes: large ones went, small ones came. */
			if ((int64_t)by.bytes < 0)
				by.bytes = 0;
			g_tables->span[g_open - 1].left_blocks += by.blocks;
			g_tables->span[g_open - 1].left_bytes += by.bytes;
			note_growth(i, g_open - 1, &by);
		} else if ((int64_t)by.blocks < 0) {
			note_return(i, -by.blocks, (int64_t)by.bytes < 0 ? -by.bytes : 0);
		}
	}
}

/* ---- descriptors ---- */

/* Generations come round again; a time of birth does not, but may be early. */
static bool born_in_open(const struct tests_span *s, const struct fd_view *v)
{
	const uint64_t coarse_ns = 20000000;

	return v->born_ns + coarse_ns >= s->begin_ns && fd_born_after(v, s->generation);
}

bool tests_made_fd(uint32_t span, uint32_t fd, const struct fd_view *v)
{
	uint32_t open;

	if (span >= tests_count() || fd >= TESTS_FDS)
		return false;
	if (g_tables->fd[fd].span && g_tables->fd[fd].key == fd_key(v))
		return g_tables->fd[fd].span == span + 1;
	return tests_open(&open) && open == span && born_in_open(&g_tables->span[span], v);
}

static void note_fds(void)
{
	uint32_t n = fd_limit() < TESTS_FDS ? fd_limit() : TESTS_FDS;
	struct fd_view v;

	for (uint32_t i = 0; i < n; i++) {
		if (!fd_get(i, &v) || g_tables->fd[i].key == fd_key(&v))
			continue;
		bool in = g_open && born_in_open(&g_tables->span[g_open - 1], &v);
		g_tables->fd[i].span = in ? g_open : 0;
		g_tables->fd[i].key = fd_key(&v);
	}
}

/* ---- boundaries ---- */

static void boundary(void)
{
	uint32_t n = stack_count() + 1, next = !g_base;
	struct tests_sum *now = g_tables->sum[next];

	memset(now, 0, n * sizeof(*now));
	tests_live(now, n);
	compare(now, n);
	note_fds();
	if (g_open) {
		struct tests_span *s = &g_tables->span[g_open - 1];
		tests_see_live(context_live_bytes());
		s->allocs = tests_allocs() - s->allocs;
		s->end_ns = sys_now_ns();
	}
	__atomic_store_n(&g_open, 0, __ATOMIC_RELEASE);
	g_base_stacks = n;
	__atomic_store_n(&g_base, next, __ATOMIC_RELEASE);
}

static uint32_t add_name(const char *name)
{
	size_t n = strlen(name), room = TESTS_NAMES - g_names;
	uint32_t at = g_names;

	if (n >= room)
		return 0;
	memcpy(g_tables->names + at, name, n + 1);
	g_names += (uint32_t)n + 1;
	return at;
}

static bool begin(const char *name)
{
	if (!g_tables && !(g_tables = sys_map(sizeof(*g_tables))))
		return false;
	/* names[0] is the name of those that have none. */
	if (!g_names)
		g_names = 1;
	uint32_t was = g_open ? g_tables->span[g_open - 1].name : 0;
	boundary();
	if (g_spans == TESTS_MAX)
		return false;
	g_tables->span[g_spans] =
	        (struct tests_span){.begin_ns = sys_now_ns(),
	                            .name = name ? *name ? add_name(name) : 0 : was,
	                            .generation = fd_generation(),
	                            .allocs = tests_allocs(),
	                            .live = context_live_bytes()};
	__atomic_store_n(&g_spans, g_spans + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&g_open, g_spans, __ATOMIC_RELEASE);
	return true;
}

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

bool tests_begin(const char *name)
{
	if (!enter())
		return false;
	bool begun = begin(name);
	leave();
	return begun;
}

void tests_end(void)
{
	if (!enter())
		return;
	if (g_open)
		boundary();
	leave();
}

/* What the parent has made in the open span is the parent's. */
static void begin_again(struct tests_span *s)
{
	uint32_t n = stack_count() + 1, next = !g_base;

	memset(g_tables->sum[next], 0, n * sizeof(*g_tables->sum[next]));
	tests_live(g_tables->sum[next], n);
	g_base_stacks = n;
	__atomic_store_n(&g_base, next, __ATOMIC_RELEASE);
	s->allocs = tests_allocs();
	s->live = context_live_bytes();
	s->peak = 0;
}

void tests_fork_child(void)
{
	uint32_t open;

	sys_lock_reset(&g_lock);
	g_first = g_spans;
	if (!tests_open(&open))
		return;
	g_first = open;
	begin_again(&g_tables->span[open]);
}
