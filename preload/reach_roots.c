/*
 * reach_roots.c - see reach_roots.h. Context: a child of the scan's. Each rule is one that a wrong
 * verdict has taught:
 *
 *   - modules' data is cut by program headers: the kernel makes one mapping of neighbours, ours
 *     among them;
 *   - of libc's data only pointers to starts count: malloc's own bins and top are chunk heads,
 *     which lie in the last bytes of the block before;
 *   - what the loader has allocated is held: the thread's control block points into its dtv, and
 *     libc keeps stacks of ended threads;
 *   - anonymous memory counts where the program mapped it, not where an allocator or libc did:
 *     chunks and ended threads' stacks are full of stale pointers;
 *   - a stack counts from its pointer up; where that is on no stack of the thread's own (signal
 *     handlers, coroutines), the own one counts whole;
 *   - a block that is on its way through realloc is in no table;
 *   - what the kernel gives back with an event (epoll) may be nowhere else.
 */
#include "reach_roots.h"
#include "intended.h"

#include <string.h>
#include <unistd.h>

#include "context.h"
#include "format.h"
#include "map.h"
#include "mem.h"
#include "reach.h"
#include "reach_index.h"
#include "reach_kernel.h"
#include "reach_maps.h"
#include "reach_mark.h"
#include "stack.h"
#include "stop.h"
#include "task.h"
#include "timer.h"

#define CONTROL_BLOCK 0x900u /* of a thread: struct pthread of glibc 2.34 and later */
#define REALLOC_DEPTH 2048u  /* of stack, between a thread in realloc and its caller */

static const struct stop *g_threads;

void reach_roots_set(const struct stop *threads)
{
	g_threads = threads;
}

/* ---- modules, files ---- */

static void modules(void)
{
	for (uint32_t i = 0; i < g_reach_maps.n_data; i++) {
		const struct reach_module *m = &g_reach_maps.data[i];

		if (m->kind == REACH_DATA_PLAIN || m->kind == REACH_DATA_LIBC)
			reach_mark_static(m->low, m->high, m->kind == REACH_DATA_LIBC);
	}
	/* dlsym's own early blocks: they are in no table, and lie in our data. */
	if (g_reach_env.boot)
		reach_mark_static((uintptr_t)g_reach_env.boot,
		                  (uintptr_t)g_reach_env.boot + g_reach_env.boot_bytes, false);
	/* The environment may have been moved into our memory, to leave a mark for children. */
	if (sys_is_own((uintptr_t)environ))
		for (char **e = environ; *e; e++)
			reach_mark_word((uintptr_t)*e);
}

/* Memory that is shared or a file's, but no module's. */
static void files(void)
{
	const uint32_t kinds = REACH_MAP_FILE | REACH_MAP_MODULE | REACH_MAP_DEVICE |
	                       REACH_MAP_WRITE | REACH_MAP_OWN;

	for (uint32_t i = 0; i < g_reach_maps.n; i++) {
		const struct reach_map *m = &g_reach_maps.map[i];

		if ((m->flags & kinds) == (REACH_MAP_FILE | REACH_MAP_WRITE))
			reach_mark_static(m->low, m->high, false);
	}
}

/* ---- the program's own mappings ---- */

static bool has_stack_pointer(uintptr_t low, uintptr_t high)
{
	const struct stop *s = g_threads;

	if (s->self.regs.sp - low < high - low)
		return true;
	for (uint32_t i = 0; i < s->count; i++)
		if (s->threads[i].state != STOP_GONE && s->threads[i].regs.sp - low < high - low)
			return true;
	return false;
}

static void mapping(uintptr_t low, uintptr_t high, void *arg)
{
	(void)arg;
	if (!has_stack_pointer(low, high))
		reach_mark_static(low, high, false);
}

/* ---- the loader's blocks ---- */

static bool is_loaders(uint32_t site)
{
	const struct site *s = site_get(site);
	uint32_t stack = s ? __atomic_load_n(&s->stack, __ATOMIC_ACQUIRE) : 0;
	struct stack_node node;

	if (!stack || stack > stack_count() || !stack_node(stack_leaf(stack), &node))
		return false;
	const struct stack_module *m = node.module ? stack_module(node.module) : NULL;

	return m && m->flags & FMT_MODULE_LOADER;
}

static void loader(void)
{
	enum { UNKNOWN, NO, YES };
	uint32_t sites = site_count();
	uint8_t *known = sys_map((uint64_t)sites + 1);

	for (uint32_t i = 0; known && i < g_reach_index.n; i++) {
		uint32_t site = reach_block_site(&g_reach_index.block[i]);

		if (site > sites)
			continue;
		if (known[site] == UNKNOWN)
			known[site] = is_loaders(site) ? YES : NO;
		if (known[site] == YES)
			reach_mark_block(i);
	}
	sys_unmap(known, (uint64_t)sites + 1);
}

/* ---- threads ---- */

static void map_of_pointer(uintptr_t low, uintptr_t high, void *arg)
{
	uintptr_t *sp_end = arg;

	if (sp_end[0] - low < high - low)
		sp_end[1] = high;
}

/* Where the memory ends that sp points into: a block, a mapping of the program's, or any. */
static uintptr_t end_of(uintptr_t sp, const struct reach_map *m)
{
	uint32_t block = reach_index_find(sp);
	uintptr_t sp_end[2] = {sp, m->high};

	if (block != REACH_NONE) {
		const struct reach_block *b = &g_reach_index.block[block];

		return reach_block_start(b) + reach_block_bytes(b);
	}
	map_each(map_of_pointer, sp_end);
	return sp_end[1] < m->high ? sp_end[1] : m->high;
}

static void stack(const struct stop_thread *t, bool first)
{
	uintptr_t sp = t->regs.sp - MEM_RED_ZONE, fs = t->regs.fs_base, top = fs + CONTROL_BLOCK;
	const struct reach_map *at = reach_maps_at(t->regs.sp);
	const struct reach_map *own = fs ? reach_maps_at(fs) : NULL;

	if (first) {
		own = NULL;
		for (uint32_t i = 0; i < g_reach_maps.n && !own; i++)
			if (g_reach_maps.map[i].flags & REACH_MAP_STACK)
				own = &g_reach_maps.map[i];
		top = own ? own->high : 0;
	}
	if (own && t->regs.sp >= own->low && t->regs.sp < top) {
		reach_mark_range(sp, top);
		return;
	}
	if (at)
		reach_mark_range(sp, end_of(t->regs.sp, at));
	if (own)
		reach_mark_range(own->low, top);
}

/*
 * A block that realloc has in hand is in no table. Its memory is known until realloc has copied it
 * and begins to give the old place back, and again when realloc has returned. In between the new
 * place is known by nothing but the thread's registers and the top of its stack: any word there
 * may be it that points to free memory in which stands what stands in the old one; or, where that
 * is gone, to any free memory.
 */
enum { HEAD = 4, SAMPLES = 8 }; /* words; the allocator writes over the first ones */

struct move {
	uintptr_t from;
	uint64_t bytes;
	bool comparable, gone;
};

static bool is_free_memory(uintptr_t w, uint64_t *room)
{
	const uint32_t kind =
	        REACH_MAP_READ | REACH_MAP_WRITE | REACH_MAP_FILE | REACH_MAP_STACK | REACH_MAP_OWN;
	const struct reach_map *m = w & 7 ? NULL : reach_maps_at(w);

	if (!m || (m->flags & kind) != (REACH_MAP_READ | REACH_MAP_WRITE) ||
	    reach_index_find(w) != REACH_NONE)
		return false;
	*room = m->high - w;
	/* To the next block at most: blocks are no roots. */
	if (!reach_index_may(w))
		return true;
	uint32_t next = reach_index_from(w);

	if (next < g_reach_index.n && reach_block_start(&g_reach_index.block[next]) - w < *room)
		*room = reach_block_start(&g_reach_index.block[next]) - w;
	return true;
}

/* The i-th word to compare of those between the head and the last. */
static uint64_t sample(const struct move *m, uintptr_t at, unsigned i)
{
	uint64_t words = m->bytes / 8 - HEAD - 1;

	return mem_word(at + (HEAD + i * words / SAMPLES) * 8);
}

static bool looks_moved(const struct move *m, uintptr_t to)
{
	for (unsigned i = 0; m->comparable && i < SAMPLES; i++)
		if (sample(m, to, i) != sample(m, m->from, i))
			return false;
	return true;
}

static void perhaps_moved(const struct move *m, uintptr_t w)
{
	uint64_t room;

	if (w == m->from || !is_free_memory(w, &room))
		return;
	uint64_t bytes = m->bytes;

	if (m->gone && !(w & 4095))
		bytes += 4096; /* mremap has just answered: the block is in that page */
	else if ((room < bytes && m->comparable) || (m->gone && (w ^ m->from) & 4095))
		return;
	if (looks_moved(m, w))
		reach_mark_range(w, w + (bytes < room ? bytes : room));
}

static void moving(const struct stop_thread *t)
{
	const struct self *self = (const struct self *)(t->regs.fs_base + g_reach_env.self_offset);
	const struct reach_map *stack = reach_maps_at(t->regs.sp);
	uint64_t room = 0;

	if (!reach_maps_at((uintptr_t)self) || !self->moving)
		return;
	struct move m = {self->moving, self->moving_bytes, false, !reach_maps_at(self->moving)};

	if (is_free_memory(m.from, &room))
		reach_mark_range(m.from, m.from + (m.bytes < room ? m.bytes : room));
	if (m.bytes >= (HEAD + 2) * 8 && m.bytes <= room)
		for (unsigned i = 0; i < SAMPLES; i++)
			m.comparable |= sample(&m, m.from, i) != 0;
	for (unsigned i = 0; i < ARCH_GP; i++)
		perhaps_moved(&m, t->regs.gp[i]);
	if (!stack)
		return;
	uintptr_t end =
	        t->regs.sp + REALLOC_DEPTH < stack->high ? t->regs.sp + REALLOC_DEPTH : stack->high;

	for (uintptr_t at = (t->regs.sp + 7) & ~7ul; at + 8 <= end; at += 8)
		perhaps_moved(&m, mem_word(at));
}

static void thread(const struct stop_thread *t, bool first)
{
	uintptr_t fs = t->regs.fs_base;

	for (unsigned i = 0; i < ARCH_GP; i++)
		reach_mark_word(t->regs.gp[i]);
	reach_mark_range((uintptr_t)t->vector, (uintptr_t)t->vector + t->vector_bytes);
	/* What it has given to the kernel need not be anywhere else. */
	reach_mark_word(t->altstack);
	stack(t, first);
	if (!fs)
		return;
	reach_mark_range(fs - g_reach_env.tls_bytes, fs + CONTROL_BLOCK);
	moving(t);
}

static void stopped_thread(uint32_t i)
{
	const struct stop_thread *t = &g_threads->threads[i];

	if (t->state != STOP_GONE)
		thread(t, t->tid == (int32_t)g_reach_env.pid);
}

static void threads(const uint8_t *without)
{
	const struct stop *s = g_threads;

	thread(&s->self, s->self.tid == (int32_t)g_reach_env.pid);
	for (uint32_t i = 0; i < s->count; i++)
		if (!without || !without[i])
			stopped_thread(i);
}

static bool is_left_out(uintptr_t pthread, const uint8_t *without)
{
	const struct stop *s = g_threads;

	for (uint32_t i = 0; without && i < s->count; i++)
		if (without[i] && s->threads[i].regs.fs_base == pthread)
			return true;
	return false;
}

/* What is given to a new thread stands in our record, not in libc's; what an ended one has returned
 * waits in libc's for its join. */
static void tasks(const uint8_t *without)
{
	uint32_t slots = task_slots();

	for (uint32_t i = 0; i < slots; i++) {
		struct task_roots r;

		if (!task_get_roots(i, &r))
			continue;
		if (r.ended || !is_left_out(r.pthread, without))
			reach_mark_word(r.argument);
		if (r.ended && r.pthread)
			reach_mark_range(r.pthread, r.pthread + CONTROL_BLOCK);
	}
	timer_each_argument(reach_mark_word);
	intended_each_block(reach_mark_word);
}

void reach_roots_thread(uint32_t i)
{
	uintptr_t pthread = g_threads->threads[i].regs.fs_base;
	uint32_t slots = task_slots();

	stopped_thread(i);
	for (uint32_t slot = 0; slot < slots; slot++) {
		struct task_roots r;

		if (task_get_roots(slot, &r) && r.pthread == pthread)
			reach_mark_word(r.argument);
	}
}

void reach_roots_without(const uint8_t *without)
{
	/* At first: a process that goes on may take one out of a set, and free it. */
	reach_kernel_words(g_reach_env.pid, reach_mark_word);
	loader();
	modules();
	files();
	map_each(mapping, NULL);
	tasks(without);
	threads(without);
}

void reach_roots(void)
{
	reach_roots_without(NULL);
}
