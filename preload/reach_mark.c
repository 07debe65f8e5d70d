/*
 * reach_mark.c - see reach_mark.h. Three passes, as memcheck's: from the roots by pointers to the
 * starts of blocks (reachable); then from blocks of which only the middle is pointed to, by any
 * pointer (possibly lost); what is left is lost, and what a lost block holds is lost because of it.
 * Context: a child of the scan's. Reads the program's memory word by word, but only where it is
 * mapped; a block's words are read when the block is reached, not before: what lies in a block that
 * nobody holds is no root.
 */
#include "reach_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "mem.h"
#include "reach_guess.h"
#include "reach_index.h"
#include "reach_maps.h"

enum how {
	HOW_START,       /* pass 1 */
	HOW_STARTS_ONLY, /* pass 1, from where the middle of a block says nothing */
	HOW_ANY,         /* pass 2 */
	HOW_LOST,        /* pass 3 */
	HOW_ALIVE,       /* after all of them, by any pointer */
	HOW_ALIVE_STARTS /* the same, from where the middle of a block says nothing */
};

#define AT_ONCE     64u        /* words that are looked up together: their cache misses overlap */
#define CLOCK_EVERY (1u << 18) /* words between two looks at the clock */

struct reach_marks g_reach_marks;

static uint32_t *g_stack; /* blocks whose words are still to be read */
static uint32_t g_depth;
static uint32_t g_leader; /* pass 3: whose tree is being walked */
static uint64_t g_deadline, g_clock_due;
static bool g_late;
static bool g_alive; /* roots are of threads that may go on */

static void push(uint32_t i)
{
	g_stack[g_depth++] = i;
	__builtin_prefetch((const void *)reach_block_start(&g_reach_index.block[i]));
}

/* ---- a pointer is found ---- */

static void see_lost(uint32_t i, struct reach_block *b)
{
	if (b->where & (REACH_STARTED | REACH_POSSIBLE | REACH_INDIRECT) || i == g_leader)
		return;
	bool was_leader = b->where & REACH_LEADER;

	b->where = (b->where & ~REACH_LEADER) | REACH_INDIRECT;
	g_reach_marks.holder[i] = g_leader;
	if (!was_leader) /* else all below it is done */
		push(i);
}

static void see_alive(uint32_t i, struct reach_block *b)
{
	b->where |= REACH_ALIVE;
	push(i);
}

static inline void see(uintptr_t w, enum how how)
{
	uint32_t i = reach_index_find(w);

	if (i == REACH_NONE)
		return;
	struct reach_block *b = &g_reach_index.block[i];

	if (how == HOW_LOST) {
		see_lost(i, b);
		return;
	}
	if (how >= HOW_ALIVE) {
		if (!(b->where & REACH_ALIVE) && (how == HOW_ALIVE || w == reach_block_start(b)))
			see_alive(i, b);
		return;
	}
	if (b->where & (how == HOW_ANY ? REACH_STARTED | REACH_POSSIBLE : REACH_STARTED))
		return;
	if (how == HOW_ANY) {
		b->where |= REACH_POSSIBLE;
		push(i);
	} else if (w == reach_block_start(b) || (how == HOW_START && reach_guess(b, w))) {
		b->where |= REACH_STARTED;
		push(i);
	} else if (how == HOW_START) {
		b->where |= REACH_INTERIOR;
	}
}

/* ---- ranges ---- */

/* In three steps, each of which asks for what the next one needs. */
static void see_words(const uintptr_t *at, unsigned n, enum how how)
{
	uintptr_t found[AT_ONCE];
	unsigned n_found = 0;

	for (unsigned i = 0; i < n; i++) {
		uintptr_t w = mem_word((uintptr_t)&at[i]);

		if (!reach_index_may(w))
			continue;
		reach_index_prefetch_page(w);
		found[n_found++] = w;
	}
	for (unsigned i = 0; i < n_found; i++)
		reach_index_prefetch_block(found[i]);
	for (unsigned i = 0; i < n_found; i++)
		see(found[i], how);
}

static void look_at_clock(void)
{
	if (g_reach_marks.words < g_clock_due)
		return;
	g_clock_due = g_reach_marks.words + CLOCK_EVERY;
	g_late = sys_now_ns() > g_deadline;
}

static void read_words(uintptr_t low, uintptr_t high, enum how how)
{
	while (low + 8 <= high && !g_late) {
		size_t n = (high - low) / 8;

		n = n < AT_ONCE ? n : AT_ONCE;
		see_words((const uintptr_t *)low, (unsigned)n, how);
		g_reach_marks.words += n;
		low += n * 8;
		look_at_clock();
	}
}

/* Pages of files may have gone with the file's end, and are not worth fetching from a disk: only
 * what is in memory is read. */
static void read_file_pages(uintptr_t low, uintptr_t high, enum how how)
{
	static unsigned char in[4096];

	for (uintptr_t page = low & ~4095ul; page < high && !g_late;) {
		size_t n = (high - page + 4095) / 4096;

		n = n < sizeof(in) ? n : sizeof(in);
		if (sys_call(SYS_mincore, page, n * 4096, in))
			return;
		for (size_t i = 0; i < n; i++, page += 4096)
			if (in[i] & 1)
				read_words(page > low ? page : low,
				           page + 4096 < high ? page + 4096 : high, how);
	}
}

static bool page_flags(int fd, uintptr_t at, uint64_t *page, size_t n)
{
	return sys_call(SYS_pread64, fd, page, n * 8, at / 4096 * 8) == (long)(n * 8);
}

/* Memory that nobody has touched has no page, and would be given one at each look: a program's
 * large arrays are mostly that. Neither there nor swapped out, it is zeros. What is said of a page
 * that is there tells whether this kernel can be believed. */
static void read_anonymous(uintptr_t low, uintptr_t high, enum how how)
{
	enum { WORTH = 16 * 4096, THERE = 62 };
	static uint64_t page[512];
	int fd = high - low < WORTH ? -1 : sys_open("/proc/self/pagemap", O_RDONLY, 0);

	page[0] = 1; /* it is there */
	if (fd >= 0 && (!page_flags(fd, (uintptr_t)page, page, 1) || !(page[0] >> THERE))) {
		sys_close(fd);
		fd = -1;
	}
	while (fd >= 0 && low < high && !g_late) {
		size_t n = (high - (low & ~4095ul) + 4095) / 4096;

		n = n < 512 ? n : 512;
		if (!page_flags(fd, low, page, n))
			break;
		for (size_t i = 0; i < n && !g_late; i++) {
			uintptr_t next = (low & ~4095ul) + 4096, to = next < high ? next : high;

			if (page[i] >> THERE)
				read_words(low, to, how);
			low = to;
		}
	}
	if (fd >= 0)
		sys_close(fd);
	if (!g_late)
		read_words(low, high, how);
}

static void read_range(uintptr_t low, uintptr_t high, enum how how)
{
	/* The last one: blocks that follow each other lie in the same mapping. */
	static const struct reach_map *in;

	low = (low + 7) & ~7ul;
	while (low + 8 <= high && !g_late) {
		if (!in || in < g_reach_maps.map || in >= g_reach_maps.map + g_reach_maps.n ||
		    low < in->low || low >= in->high)
			in = reach_maps_from(low);
		if (!in)
			return;
		uintptr_t from = low > in->low ? low : in->low;
		uintptr_t to = high < in->high ? high : in->high;

		low = in->high;
		if (from >= to || !reach_map_readable(in))
			continue;
		if ((in->flags & (REACH_MAP_FILE | REACH_MAP_MODULE)) == REACH_MAP_FILE)
			read_file_pages(from, to, how);
		else if (!(in->flags & REACH_MAP_FILE))
			read_anonymous(from, to, how);
		else
			read_words(from, to, how);
	}
}

static void flood(enum how how)
{
	while (g_depth && !g_late) {
		const struct reach_block *b = &g_reach_index.block[g_stack[--g_depth]];
		uintptr_t start = reach_block_start(b);

		read_range(start, start + reach_block_bytes(b), how);
	}
}

/* ---- for roots ---- */

void reach_mark_word(uintptr_t w)
{
	see(w, g_alive ? HOW_ALIVE : HOW_START);
}

void reach_mark_range(uintptr_t low, uintptr_t high)
{
	read_range(low, high, g_alive ? HOW_ALIVE : HOW_START);
}

void reach_mark_own(uintptr_t low, uintptr_t high)
{
	read_words(low, high, g_alive ? HOW_ALIVE : HOW_START);
}

void reach_mark_static(uintptr_t low, uintptr_t high, bool starts_only)
{
	enum how how = g_alive       ? starts_only ? HOW_ALIVE_STARTS : HOW_ALIVE
	               : starts_only ? HOW_STARTS_ONLY
	                             : HOW_START;
	const struct reach_index *x = &g_reach_index;

	while (low < high) {
		uint32_t inside = reach_index_find(low), next;
		uintptr_t to = high;

		if (inside != REACH_NONE) {
			low = reach_block_start(&x->block[inside]) +
			      reach_block_bytes(&x->block[inside]);
			if (reach_block_bytes(&x->block[inside]))
				continue;
		}
		if (low >= high)
			return;
		next = low < x->low ? 0 : reach_index_may(low) ? reach_index_from(low + 1) : x->n;
		if (next < x->n && reach_block_start(&x->block[next]) < high)
			to = reach_block_start(&x->block[next]);
		read_range(low, to, how);
		low = to > low ? to : high;
	}
}

void reach_mark_block(uint32_t i)
{
	struct reach_block *b = &g_reach_index.block[i];

	uint64_t mark = g_alive ? REACH_ALIVE : REACH_STARTED;

	if (b->where & mark)
		return;
	b->where |= mark;
	push(i);
}

/* ---- all of it ---- */

/* Pages that a fork does not bring along (MADV_DONTFORK): what they hold cannot be known. */
static void count_absent(void)
{
	uint32_t m = 0;

	for (uint32_t i = 0; i < g_reach_index.n; i++) {
		uintptr_t at = reach_block_start(&g_reach_index.block[i]);
		uintptr_t end = at + reach_block_bytes(&g_reach_index.block[i]);

		while (m < g_reach_maps.n && g_reach_maps.map[m].high <= at)
			m++;
		for (uint32_t k = m; at < end && k < g_reach_maps.n; k++) {
			if (g_reach_maps.map[k].low > at)
				break;
			at = g_reach_maps.map[k].high;
		}
		g_reach_marks.absent += at < end;
	}
}

static void *take(uint64_t bytes)
{
	void *p = sys_map(bytes);

	if (p)
		g_reach_marks.memory += bytes;
	return p;
}

int reach_mark_all(void (*roots)(void), uint64_t deadline_ns)
{
	struct reach_block *block = g_reach_index.block;
	uint64_t n = g_reach_index.n;

	g_reach_marks = (struct reach_marks){.words = 0};
	g_depth = 0;
	g_clock_due = 0;
	g_late = false;
	g_deadline = deadline_ns;
	g_stack = take((n + 1) * sizeof(*g_stack));
	g_reach_marks.holder = take((n + 1) * sizeof(*g_reach_marks.holder));
	if (!g_stack || !g_reach_marks.holder)
		return -ENOMEM;
	count_absent();
	roots();
	flood(HOW_START);
	for (uint32_t i = 0; i < n; i++) {
		if ((block[i].where & (REACH_STARTED | REACH_INTERIOR)) != REACH_INTERIOR)
			continue;
		block[i].where |= REACH_POSSIBLE;
		push(i);
	}
	flood(HOW_ANY);
	for (uint32_t i = 0; i < n; i++) {
		if (block[i].where & (REACH_STARTED | REACH_POSSIBLE | REACH_INDIRECT))
			continue;
		block[i].where |= REACH_LEADER;
		g_leader = i;
		push(i);
		flood(HOW_LOST);
	}
	sys_unmap(g_stack, (n + 1) * sizeof(*g_stack));
	g_stack = NULL;
	return g_late ? -ETIME : 0;
}

/* ---- who may go on ---- */

int reach_mark_alive_begin(void)
{
	uint64_t n = g_reach_index.n;

	g_depth = 0;
	g_alive = true;
	g_stack = sys_map((n + 1) * sizeof(*g_stack));
	return g_stack ? 0 : -ENOMEM;
}

int reach_mark_alive(void)
{
	flood(HOW_ALIVE);
	return g_late ? -ETIME : 0;
}

void reach_mark_alive_end(void)
{
	uint64_t n = g_reach_index.n;

	g_alive = false;
	sys_unmap(g_stack, (n + 1) * sizeof(*g_stack));
	g_stack = NULL;
}

void reach_mark_free(void)
{
	uint64_t n = g_reach_index.n;

	sys_unmap(g_stack, (n + 1) * sizeof(*g_stack));
	sys_unmap(g_reach_marks.holder, (n + 1) * sizeof(*g_reach_marks.holder));
	g_stack = NULL;
	g_reach_marks = (struct reach_marks){.words = 0};
}
