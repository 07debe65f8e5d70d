/*
 * stack_frame.c - the table of frames: see stack_frame.h. Owns the frames, in chunks that never
 * move, and an open-addressed index of their numbers that doubles; an outgrown index stays mapped,
 * since a reader may be in it. A frame is complete before its number is in the index. Context: any
 * thread, a signal handler too, IN_TRACKER set; the snapshot child reads without a lock.
 */
#include "stack_frame.h"

#include <errno.h>

#include "format.h"
#include "stack_walk.h"
#include "sys.h"

enum { CHUNK_LOG2 = STACK_FRAME_CHUNK_LOG2, CHUNK = STACK_FRAME_CHUNK, FIRST_LOG2 = 9 };

struct table {
	uint32_t shift, mask;
	uint32_t slot[];
};

struct stack_frame *g_stack_frames[STACK_FRAME_MAX / CHUNK];
static struct table *g_table;
static uint32_t g_count;
static uint64_t g_table_bytes;
static struct sys_lock g_lock;

static struct table *table_new(unsigned log2)
{
	size_t bytes = sizeof(struct table) + (sizeof(uint32_t) << log2);
	struct table *t = sys_map(bytes);

	if (t) {
		t->shift = 64 - log2;
		t->mask = (1u << log2) - 1;
		__atomic_add_fetch(&g_table_bytes, bytes, __ATOMIC_RELAXED);
	}
	return t;
}

int stack_frame_init(void)
{
	g_table = table_new(FIRST_LOG2);
	return g_table ? 0 : -ENOMEM;
}

/* The frame's number, or 0, and where it is or would be. The slot must not be read again: it may
 * have been filled since, for another frame. */
static uint32_t find(struct table *t, uintptr_t ip, uint32_t module, uint32_t **slot)
{
	uint32_t i = (uint32_t)((ip ^ (uint64_t)module << 48) * 0x9e3779b97f4a7c15ul >> t->shift);

	for (;; i = (i + 1) & t->mask) {
		uint32_t n = __atomic_load_n(&t->slot[i], __ATOMIC_ACQUIRE);

		if (!n || (stack_frame_at(n)->ip == ip && stack_frame_at(n)->module == module)) {
			*slot = &t->slot[i];
			return n;
		}
	}
}

/* ---- growing; under the lock ---- */

static void grow(void)
{
	struct table *t = table_new(64 - g_table->shift + 1);

	if (!t)
		return;
	for (uint32_t n = 1; n <= g_count; n++) {
		uint32_t *slot;

		find(t, stack_frame_at(n)->ip, stack_frame_at(n)->module, &slot);
		*slot = n;
	}
	__atomic_store_n(&g_table, t, __ATOMIC_RELEASE);
}

static uint32_t add(uintptr_t ip, uint32_t module)
{
	uint32_t n = g_count + 1, *slot;

	if (n > g_table->mask / 2)
		grow();
	if (n >= STACK_FRAME_MAX || n > g_table->mask / 4 * 3)
		return 0;
	if (!g_stack_frames[n >> CHUNK_LOG2]) {
		struct stack_frame *chunk = sys_map(CHUNK * sizeof(*chunk));

		if (!chunk)
			return 0;
		__atomic_store_n(&g_stack_frames[n >> CHUNK_LOG2], chunk, __ATOMIC_RELEASE);
	}
	g_stack_frames[n >> CHUNK_LOG2][n & (CHUNK - 1)] = (struct stack_frame){ip, module};
	__atomic_store_n(&g_count, n, __ATOMIC_RELEASE);
	find(g_table, ip, module, &slot);
	__atomic_store_n(slot, n, __ATOMIC_RELEASE);
	return n;
}

uint32_t stack_frame(uintptr_t ip, uint32_t module)
{
	uint32_t *slot, n = find(__atomic_load_n(&g_table, __ATOMIC_ACQUIRE), ip, module, &slot);

	if (n)
		return n;
	sys_lock(&g_lock);
	n = find(g_table, ip, module, &slot);
	if (!n)
		n = add(ip, module);
	sys_unlock(&g_lock);
	return n;
}

void stack_node_what(uint32_t what, struct stack_node *out)
{
	const struct stack_frame *frame = stack_frame_at(what & (STACK_FRAME_MAX - 1));

	out->ip = frame->ip;
	out->module = (uint16_t)frame->module;
	out->flags = (uint16_t)(what >> STACK_FLAGS_SHIFT);
}

uint64_t stack_frame_bytes(void)
{
	return __atomic_load_n(&g_count, __ATOMIC_RELAXED) * sizeof(struct stack_frame) +
	       __atomic_load_n(&g_table_bytes, __ATOMIC_RELAXED);
}

void stack_frame_fork_child(void)
{
	sys_lock_reset(&g_lock);
}

bool stack_frame_is_busy(void)
{
	return sys_lock_is_held(&g_lock);
}

void stack_frame_describe(struct fmt_table *out)
{
	*out = (struct fmt_table){(uintptr_t)g_stack_frames, CHUNK, sizeof(**g_stack_frames)};
}
