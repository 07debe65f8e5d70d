/*
 * reach_stuck.c - see reach_stuck.h. Go's rule for goroutines: who waits for a thing that only such
 * waiters can reach is woken by nobody. At first every thread that waits without a timeout on a
 * word in a live block, or for another's end, is suspected, and what the others can reach is alive;
 * a suspect whose block is alive may be woken, and what it holds is alive, too; until nothing
 * changes. Who is left is certain: no pointer to its block is anywhere else. (A signal's handler,
 * or a cancellation, may still wake it.)
 *
 * Context: as reach_mark.c.
 */
#include "reach_stuck.h"

#include <errno.h>
#include <linux/futex.h>

#include "format.h"
#include "mem.h"
#include "reach_index.h"
#include "reach_maps.h"
#include "reach_mark.h"
#include "reach_roots.h"
#include "stack.h"
#include "stop.h"
#include "sys.h"

#define CONTROL_BLOCK 0x900u /* of a thread: struct pthread */

/* What the kernel leaves as the result of a call that it will begin again: never seen by programs.
 */
enum { RESTART_FIRST = -516, RESTART_LAST = -512 };

struct reach_stuck_threads g_reach_stuck;

/* By stop->threads[]. */
static struct {
	uint8_t *is;     /* a suspect */
	uint32_t *joins; /* the thread that it waits for, or NOBODY */
	uint32_t *block; /* the block that it waits in */
	uint32_t n;
} g_suspect;
#define NOBODY UINT32_MAX

/* ---- suspects ---- */

/* Asleep in the kernel's queue when it was stopped, not just woken from it. */
static bool is_queued(const struct stop_thread *t)
{
	int64_t result = (int64_t)t->regs.gp[ARCH_GP_RESULT];

	if (t->call != SYS_futex || t->pass_signal)
		return false;
	if (t->state == STOP_TRACED)
		return result >= RESTART_FIRST && result <= RESTART_LAST;
	return t->state == STOP_SIGNALED && result == SYS_futex &&
	       t->regs.pc + ARCH_CALL_BYTES == t->before_pc;
}

/* And nothing has been done yet that is going to wake it: the word is as it went to sleep for. */
static bool waits_for_ever(const struct stop_thread *t)
{
	uint32_t op = (uint32_t)t->args[1] & FUTEX_CMD_MASK;
	uintptr_t word = t->args[0];

	if (!is_queued(t) || t->args[3] || word & 3 || !reach_maps_at(word) ||
	    !reach_map_readable(reach_maps_at(word)))
		return false;
	if (op == FUTEX_LOCK_PI || op == FUTEX_LOCK_PI2)
		return true;
	return (op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET) &&
	       __atomic_load_n((const uint32_t *)word, __ATOMIC_RELAXED) == (uint32_t)t->args[2];
}

/* The thread whose end it waits for: the kernel clears that one's number in its control block. */
static uint32_t joined_by(const struct stop *s, const struct stop_thread *t)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const struct stop_thread *k = &s->threads[i];

		if (k != t && k->state != STOP_GONE && k->regs.fs_base &&
		    t->args[0] - k->regs.fs_base < CONTROL_BLOCK &&
		    (uint32_t)t->args[2] == (uint32_t)k->tid)
			return i;
	}
	return NOBODY;
}

static bool suspect(const struct stop *s, uint32_t i)
{
	const struct stop_thread *t = &s->threads[i];

	g_suspect.joins[i] = NOBODY;
	g_suspect.block[i] = REACH_NONE;
	if (!waits_for_ever(t))
		return false;
	g_suspect.joins[i] = joined_by(s, t);
	if (g_suspect.joins[i] != NOBODY)
		return true;
	/* Others may wake what is shared with other processes. */
	if (!(t->args[1] & FUTEX_PRIVATE_FLAG))
		return false;
	g_suspect.block[i] = reach_index_find(t->args[0]);
	return g_suspect.block[i] != REACH_NONE;
}

static uint32_t suspect_all(const struct stop *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->count; i++)
		n += g_suspect.is[i] = suspect(s, i);
	return n;
}

/* ---- until nothing changes ---- */

static bool may_go_on(uint32_t i)
{
	if (g_suspect.joins[i] != NOBODY)
		return !g_suspect.is[g_suspect.joins[i]];
	return g_reach_index.block[g_suspect.block[i]].where & REACH_ALIVE;
}

static int clear_suspects(void)
{
	bool changed = true;
	int r = reach_mark_alive_begin();

	if (!r) {
		reach_roots_without(g_suspect.is);
		r = reach_mark_alive();
	}
	while (changed && !r) {
		changed = false;
		for (uint32_t i = 0; i < g_suspect.n && !r; i++) {
			if (!g_suspect.is[i] || !may_go_on(i))
				continue;
			g_suspect.is[i] = false;
			reach_roots_thread(i);
			r = reach_mark_alive();
			changed = true;
		}
	}
	reach_mark_alive_end();
	return r;
}

/* ---- the rest ---- */

static void note(const struct stop *s, uint32_t i)
{
	const struct stop_thread *t = &s->threads[i];
	struct reach_stuck *r = &g_reach_stuck.thread[g_reach_stuck.n++];
	const struct caller at = {t->regs.pc, t->regs.sp, t->regs.gp[ARCH_GP_FP]};

	*r = (struct reach_stuck){.tid = (uint32_t)t->tid, .address = t->args[0]};
	r->stack = stack_capture_other(&at);
	if (g_suspect.joins[i] != NOBODY) {
		r->how = FMT_STUCK_JOIN;
		r->joins = (uint32_t)s->threads[g_suspect.joins[i]].tid;
		return;
	}
	const struct reach_block *b = &g_reach_index.block[g_suspect.block[i]];

	r->how = FMT_STUCK_BLOCK;
	r->site = reach_block_site(b);
	r->offset = t->args[0] - reach_block_start(b);
	r->bytes = reach_block_bytes(b);
}

static int find(const struct stop *s)
{
	uint32_t n = suspect_all(s);
	int r = n ? clear_suspects() : 0;

	if (!n || r)
		return r;
	for (uint32_t i = n = 0; i < s->count; i++)
		n += g_suspect.is[i];
	if (!n)
		return 0;
	g_reach_stuck.room = n;
	g_reach_stuck.thread = sys_map(n * sizeof(*g_reach_stuck.thread));
	if (!g_reach_stuck.thread)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->count; i++)
		if (g_suspect.is[i])
			note(s, i);
	return 0;
}

int reach_stuck_find(const struct stop *s)
{
	uint64_t bytes = (uint64_t)s->count * (sizeof(uint32_t) * 2 + 1);
	int r = -ENOMEM;

	reach_stuck_free();
	if (!s->count)
		return 0;
	g_suspect.n = s->count;
	g_suspect.joins = sys_map(bytes);
	if (g_suspect.joins) {
		g_suspect.block = g_suspect.joins + s->count;
		g_suspect.is = (uint8_t *)(g_suspect.block + s->count);
		r = find(s);
	}
	sys_unmap(g_suspect.joins, bytes);
	g_suspect.joins = NULL;
	return r;
}

void reach_stuck_free(void)
{
	sys_unmap(g_reach_stuck.thread, g_reach_stuck.room * sizeof(*g_reach_stuck.thread));
	g_reach_stuck = (struct reach_stuck_threads){.n = 0};
}
