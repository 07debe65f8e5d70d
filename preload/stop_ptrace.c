/*
 * stop_ptrace.c - stopping a thread by ptrace. Context: the helper; it is gone when the stop is
 * over, and with it every trace of the tracing, also of threads that never stopped.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "signals.h"
#include "stop_parts.h"
#include "sys.h"

int stop_ptrace_begin(struct stop_thread *t)
{
	long r = sys_call(SYS_ptrace, PTRACE_SEIZE, t->tid, 0, 0);

	if (!r)
		r = sys_call(SYS_ptrace, PTRACE_INTERRUPT, t->tid, 0, 0);
	if (r == -ESRCH) {
		t->state = STOP_GONE;
		return 0;
	}
	if (r)
		return (int)r;
	t->seized = t->pending = 1;
	return 0;
}

static bool get_registers(const struct stop_thread *t, struct user_regs_struct *u)
{
	struct iovec io = {u, sizeof(*u)};

	return !sys_call(SYS_ptrace, PTRACE_GETREGSET, t->tid, NT_PRSTATUS, &io);
}

static bool set_registers(const struct stop_thread *t, const struct user_regs_struct *u)
{
	struct iovec io = {(void *)u, sizeof(*u)};

	return !sys_call(SYS_ptrace, PTRACE_SETREGSET, t->tid, NT_PRSTATUS, &io);
}

static void note_registers(struct stop_thread *t, const struct user_regs_struct *u)
{
	arch_user_note(u, &t->regs);
	t->call = arch_user_call(u, t->args);
}
_Static_assert(STOP_NO_CALL == -1, "as arch_user_call() says it");

static void note_vector(const struct stop *s, struct stop_thread *t)
{
	char *room = s->vectors + (size_t)(t - s->threads) * STOP_VECTOR_BYTES;
	struct iovec io = {room, STOP_VECTOR_BYTES};

	if (t->call >= 0 || sys_call(SYS_ptrace, PTRACE_GETREGSET, t->tid, ARCH_VECTOR, &io) < 0)
		return;
	t->vector = room;
	t->vector_bytes = io.iov_len;
}

/*
 * It stands: at our request, as one of a job that is stopped, or with a signal in its hand, which
 * it must be given when it goes on.
 */
static void note_stop(const struct stop *s, struct stop_thread *t, int status)
{
	struct user_regs_struct u = {0};

	if (status >> 16 != PTRACE_EVENT_STOP)
		t->pass_signal = WSTOPSIG(status);
	if (!get_registers(t, &u)) {
		t->state = STOP_GONE;
		return;
	}
	note_registers(t, &u);
	note_vector(s, t);
	t->state = STOP_TRACED;
	/* Most calls are begun again by the kernel; these few say that they were interrupted. */
	t->repeat = arch_user_result(&u) == -EINTR && !t->pass_signal && signals_repeats(t->call);
}

void stop_ptrace_await(struct stop *s, struct stop_thread *t)
{
	uint64_t child = signals_bit(SIGCHLD), now;
	int status = 0;

	for (;;) {
		long r = sys_call(SYS_wait4, t->tid, &status, __WALL | WNOHANG, NULL);

		if (r == t->tid && WIFSTOPPED(status)) {
			note_stop(s, t, status);
			break;
		}
		if (r) { /* its end, or it is nobody's any more */
			t->state = STOP_GONE;
			t->seized = 0;
			break;
		}
		now = sys_now_ns();
		if (now >= s->deadline_ns)
			return;
		/* The kernel tells a tracer by SIGCHLD, which is blocked and only taken here. */
		struct timespec left = {0, (long)(s->deadline_ns - now)};

		if (left.tv_nsec > 5000000)
			left.tv_nsec = 5000000;
		sys_call(SYS_rt_sigtimedwait, &child, NULL, &left, sizeof(child));
	}
	t->pending = 0;
}

/* A signal has come meanwhile that the program has a handler for: EINTR is what it would have seen
 * of that. */
static bool handler_comes(const struct stop *s, const struct stop_thread *t)
{
	struct stop_status st;

	if (!stop_proc_status(s, t->tid, &st))
		return true;
	uint64_t ours = signals_bit(g_signals_control);

	return ((st.pending | st.shared_pending) & st.caught & ~st.blocked & ~ours) != 0;
}

void stop_ptrace_release(const struct stop *s, struct stop_thread *t)
{
	struct user_regs_struct u = {0};

	if (t->repeat && !handler_comes(s, t) && get_registers(t, &u)) {
		arch_user_repeat(&u, t->call);
		set_registers(t, &u);
	}
	sys_call(SYS_ptrace, PTRACE_DETACH, t->tid, 0, t->pass_signal);
}
