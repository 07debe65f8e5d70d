/*
 * snap_stands.c - where each waiting thread stands in the program, and since when, into records.
 * Owns the room for one walk. Context: the snapshot child (snap.h); snap_own_look() the thread that
 * takes the snapshot, with the turn, mostly in a signal handler: its stack will have moved on when
 * the child reads.
 *
 * Threads are not stopped. What was read of one is whole where it has not gone to sleep since the
 * record of its wait was made: its count of switches says so, and the reader holds it against that.
 */
#include <string.h>

#include "arch_regs.h"
#include "snap.h"
#include "stack.h"
#include "sys.h"

static struct stack_far g_far; /* one snapshot at a time */

/* ---- the thread that takes it ---- */

void snap_own_look(struct snap_job *j)
{
	void *uc = (void *)j->request.interrupted; /* nothing is changed */
	struct cfi_regs regs = {.known = cfi_bit(CFI_REGISTERS) - 1};

	if (!uc || j->request.call < 0)
		return;
	j->own.waits = true;
	j->own.call = (uint64_t)j->request.call + 1;
	j->own.switches = j->request.sleeps;
	for (int i = 0; i < 6; i++)
		j->own.args[i] = (uint64_t)*arch_uc_register(uc, ARCH_ARG0 + i);
	arch_uc_cfi(uc, regs.r);
	/* One that is to be begun again stands before the instruction, all others behind it. */
	if (stack_far_is_call(j->pid, regs.r[CFI_PC]))
		regs.r[CFI_PC] += ARCH_CALL_BYTES;
	stack_far_walk(&g_far, j->pid, &regs, false);
	j->own.n = g_far.n;
	memcpy(j->own.frame, g_far.frame, g_far.n * sizeof(*g_far.frame));
}

/* ---- all threads ---- */

struct walk {
	struct snap_out *o;
	const struct snap_job *j;
	const struct snap_bounds *have;
};

static void put_frames(const struct walk *w, const struct stack_far_frame *frame, uint32_t n)
{
	snap_u(w->o, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct stack_module *m =
		        frame[i].module <= w->have->modules ? stack_module(frame[i].module) : NULL;

		snap_u(w->o, m ? frame[i].module : 0);
		snap_u(w->o, m ? frame[i].ip - m->bias : frame[i].ip);
		snap_u(w->o, frame[i].flags);
	}
}

/* The registers that the kernel tells of who sleeps in a call: it changes none of its arguments. */
static bool look(const struct walk *w, uint32_t tid, struct cfi_regs *regs)
{
	uint64_t value[9];
	char text[256];

	if (snap_task_file(w->j, tid, "/syscall", text, sizeof(text)) <= 0 ||
	    !snap_call_parse(text, value))
		return false;
	regs->known = cfi_bit(CFI_SP) | cfi_bit(CFI_PC);
	regs->r[CFI_SP] = value[7];
	regs->r[CFI_PC] = value[8];
	for (int i = 0; i < 6; i++) {
		regs->known |= 1u << arch_cfi_argument(i);
		regs->r[arch_cfi_argument(i)] = value[1 + i];
	}
	return true;
}

static void put_own(const struct walk *w)
{
	const struct snap_own *own = &w->j->own;

	snap_item(w->o);
	snap_u(w->o, w->j->thread);
	snap_u(w->o, own->switches);
	snap_u(w->o, FMT_WAIT_FLAG_INTERRUPTED);
	snap_u(w->o, 0);
	put_frames(w, own->frame, own->n);
}

static void put_stand(uint32_t tid, void *arg)
{
	const struct walk *w = arg;
	struct cfi_regs regs;

	if (tid == w->j->thread) {
		if (w->j->own.waits)
			put_own(w);
		return;
	}
	if (!look(w, tid, &regs))
		return;
	stack_far_walk(&g_far, w->j->pid, &regs, false);
	uint64_t ns = snap_idle(w->j, tid), switches = snap_switches(w->j, tid);

	if (!switches)
		return;
	snap_item(w->o);
	snap_u(w->o, tid);
	snap_u(w->o, switches);
	snap_u(w->o, 0);
	snap_u(w->o, ns);
	put_frames(w, g_far.frame, g_far.n);
}

void snap_stands(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have)
{
	struct walk w = {.o = o, .j = j, .have = have};
	char path[64];
	struct text t = TEXT(path);
	int fd;

	snap_clock_begin();
	text_str(&t, j->proc);
	text_str(&t, "/task");
	snap_record(o, FMT_WAIT_STACK);
	snap_each_number(path, &fd, put_stand, &w);
	snap_record_end(o);
}
