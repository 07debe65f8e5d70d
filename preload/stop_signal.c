/*
 * stop_signal.c - stopping a thread by the control signal: its handler writes down the registers
 * that it has interrupted, and waits. Owns the gate behind which handlers wait. Context: said for
 * each part below. The handler must not sleep by nanosleep: what the kernel has kept of an
 * interrupted call, to go on with it, would be overwritten.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>

#include "seccomp.h"
#include "signals.h"
#include "stop_parts.h"
#include "sys.h"

/* Told apart from whatever others send by si_code, which only this process can set so. */
#define ORDER_CODE (-27183)

/* Odd: closed. A handler that comes late finds another number, and goes on at once. */
static uint32_t g_gate;
static struct stop *g_stop; /* while the gate is closed */
static uint32_t g_inside;   /* handlers that may still be writing into it */

/* Whoever has to let the handlers go may have been killed by its own fault. */
#define GIVE_UP_NS 10000000000u

bool stop_signal_close(struct stop *s)
{
	if (!g_signals_on || !g_signals_control)
		return false;
	__atomic_store_n(&g_stop, s, __ATOMIC_SEQ_CST);
	s->gate = __atomic_add_fetch(&g_gate, 1, __ATOMIC_SEQ_CST);
	return true;
}

void stop_signal_open(struct stop *s)
{
	uint64_t until = sys_now_ns() + 100000000;

	if (!s->gate)
		return;
	s->gate = 0;
	__atomic_add_fetch(&g_gate, 1, __ATOMIC_SEQ_CST);
	sys_call(SYS_futex, &g_gate, FUTEX_WAKE_PRIVATE, 0x7fffffff, NULL, NULL, 0);
	for (uint32_t in; (in = __atomic_load_n(&g_inside, __ATOMIC_SEQ_CST));)
		if (!stop_wait(&g_inside, in, until))
			break;
	if (!g_inside)
		g_stop = NULL;
	else
		s->bytes = 0; /* the table stays: one is at it still */
}

bool stop_signal_is_late(void)
{
	return __atomic_load_n(&g_inside, __ATOMIC_SEQ_CST) != 0;
}

/* ---- in the helper ---- */

char stop_signal_state(struct stop *s, struct stop_thread *t)
{
	struct stop_status st;

	if (!stop_proc_status(s, t->tid, &st))
		return 0;
	if (s->has_calls)
		stop_proc_call(s, t);
	/* The handler's own calls could be deadly where it has locked itself in. */
	if (!s->gate || st.blocked & signals_bit(g_signals_control) ||
	    (st.locked && st.filters != seccomp_begun()))
		return st.state == 'D' ? 'D' : st.state == 'R' ? 'b' : 'B';
	return st.state;
}

int stop_signal_begin(struct stop *s, uint32_t index)
{
	struct stop_thread *t = &s->threads[index];
	siginfo_t order = {.si_signo = g_signals_control, .si_code = ORDER_CODE};

	order.si_pid = s->pid;
	order.si_value.sival_ptr = (void *)((uint64_t)s->gate << 32 | index);
	__atomic_store_n(&t->pending, 1, __ATOMIC_RELEASE);
	long r = sys_call(SYS_rt_tgsigqueueinfo, s->pid, t->tid, g_signals_control, &order);

	if (!r)
		return 0;
	t->pending = 0;
	if (r == -ESRCH)
		t->state = STOP_GONE;
	return r == -ESRCH ? 0 : (int)r;
}

void stop_signal_await(struct stop *s, struct stop_thread *t)
{
	for (;;) {
		uint32_t arrived = __atomic_load_n(&s->arrived, __ATOMIC_ACQUIRE);
		uint64_t now = sys_now_ns();

		if (__atomic_load_n(&t->state, __ATOMIC_ACQUIRE) == STOP_SIGNALED)
			break;
		if (sys_call(SYS_tgkill, s->pid, t->tid, 0) == -ESRCH) {
			t->state = STOP_GONE;
			break;
		}
		if (now >= s->deadline_ns)
			return;
		stop_wait(&s->arrived, arrived,
		          s->deadline_ns - now > 5000000 ? now + 5000000 : s->deadline_ns);
	}
	t->pending = 0;
}

/* ---- in the handler ---- */

static void note_registers(struct stop_thread *t, const ucontext_t *uc)
{
	arch_uc_note(uc, &t->regs);
	if (!(uc->uc_stack.ss_flags & SS_DISABLE)) {
		t->altstack = (uint64_t)uc->uc_stack.ss_sp;
		t->altstack_bytes = uc->uc_stack.ss_size;
	}
}

void stop_note_context(struct stop_thread *t, const void *ucontext)
{
	note_registers(t, ucontext);
	t->call = STOP_CALL_UNKNOWN;
}

/* The call that /proc has seen just before, if it is the one that was interrupted: the kernel has
 * put pc on the instruction where it begins it again by itself. */
static long note_call(struct stop_thread *t, void *ucontext)
{
	if (t->call < 0)
		return t->call;
	if (t->regs.sp != t->before_sp ||
	    (t->regs.pc != t->before_pc && t->regs.pc + ARCH_CALL_BYTES != t->before_pc)) {
		t->call = STOP_NO_CALL;
		return t->call;
	}
	for (unsigned i = 0; i < 6; i++)
		t->args[i] = (uint64_t)*arch_uc_register(ucontext, ARCH_ARG0 + i);
	return (long)t->call;
}

/* They lie in the signal's frame, where nobody looks for pointers: below sp. */
static void note_vector(struct stop_thread *t, const void *ucontext)
{
	if (t->call < 0)
		t->vector = arch_uc_vector(ucontext, &t->vector_bytes);
}

static void wait_gate(uint32_t gate)
{
	uint64_t until = sys_now_ns() + GIVE_UP_NS;

	while (__atomic_load_n(&g_gate, __ATOMIC_ACQUIRE) == gate)
		if (!stop_wait(&g_gate, gate, until))
			return;
}

bool stop_is_order(const void *siginfo)
{
	return ((const siginfo_t *)siginfo)->si_code == ORDER_CODE;
}

bool stop_on_signal(const void *siginfo, void *ucontext)
{
	const siginfo_t *info = siginfo;
	uint64_t order = (uint64_t)info->si_value.sival_ptr;
	uint32_t gate = (uint32_t)(order >> 32), index = (uint32_t)order;
	long call = STOP_CALL_UNKNOWN;
	bool taken = false;

	if (!stop_is_order(info))
		return false;
	__atomic_add_fetch(&g_inside, 1, __ATOMIC_SEQ_CST);
	struct stop *s = __atomic_load_n(&g_stop, __ATOMIC_SEQ_CST);

	if (__atomic_load_n(&g_gate, __ATOMIC_SEQ_CST) == gate && index < s->count &&
	    s->threads[index].tid == sys_gettid()) {
		struct stop_thread *t = &s->threads[index];

		note_registers(t, ucontext);
		call = note_call(t, ucontext);
		note_vector(t, ucontext);
		__atomic_store_n(&t->state, STOP_SIGNALED, __ATOMIC_RELEASE);
		__atomic_add_fetch(&s->arrived, 1, __ATOMIC_ACQ_REL);
		stop_wake(&s->arrived);
		taken = true;
	}
	__atomic_sub_fetch(&g_inside, 1, __ATOMIC_SEQ_CST);
	stop_wake(&g_inside);
	if (taken)
		wait_gate(gate);
	signals_resume(ucontext, call);
	return true;
}

void stop_signal_fork_child(void)
{
	g_gate &= ~1u;
	g_stop = NULL;
	g_inside = 0;
}
