/*
 * signals_restart.c - system calls that a handler makes fail with EINTR whatever its flags say:
 * sleeps, polls, waits for signals and semaphores. A program without any handler never sees that,
 * and may take it for an error or for the end of its sleep. So after our own handler the call is
 * made once more. What is left of a timeout is known to the kernel, as long as the handler has made
 * no call that overwrites it: then the call goes on by restart_syscall. Else where the kernel
 * writes it back. epoll_wait and a few others have only the whole again, and may sleep longer than
 * asked, once (signals_limit.c).
 *
 * Where a call's result takes the place of its first argument (ARCH_ARGS_KEPT), nothing of this can
 * be done.
 *
 * Context: a signal handler.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "arch_regs.h"
#include "signals.h"
#include "socket_call.h"

/* clock_nanosleep's TIMER_ABSTIME, without <time.h> for one bit */
#define ABSOLUTE 1

static int64_t *argument(ucontext_t *uc, unsigned n)
{
	return arch_uc_register(uc, ARCH_ARG0 + n);
}

static bool again(ucontext_t *uc, long nr)
{
	*arch_uc_register(uc, ARCH_RESULT) = nr;
	*arch_uc_register(uc, ARCH_PC) -= ARCH_CALL_BYTES;
	return true;
}

/* The kernel has written the rest to where the program said. */
static bool again_with_rest(ucontext_t *uc, long nr, unsigned request, unsigned rest)
{
	if (!*argument(uc, rest))
		return false;
	*argument(uc, request) = *argument(uc, rest);
	return again(uc, nr);
}

/*
 * Those that say EINTR when nothing has been done yet, and that come to the same when they are made
 * once more. With a mask of signals, too: one that is pending behind it ends the call again.
 */
bool signals_repeats(long nr)
{
	switch (nr) {
	case SYS_poll:
	case SYS_ppoll:
	case SYS_select:
	case SYS_pselect6:
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_pause:
	case SYS_rt_sigsuspend:
	case SYS_rt_sigtimedwait:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_msgsnd:
	case SYS_msgrcv:
	case SYS_io_getevents:
	case SYS_io_pgetevents:
	case SYS_io_uring_enter:
		return true;
	default: /* EINTR only where the socket has a limit */
		return socket_call_receives(nr) || socket_call_sends(nr);
	}
}

static bool restart(ucontext_t *uc, long nr)
{
	int64_t operation = *argument(uc, 1);

	switch (nr) {
	case SYS_nanosleep:
		return again_with_rest(uc, nr, 0, 1);
	case SYS_clock_nanosleep:
		return operation & ABSOLUTE ? again(uc, nr) : again_with_rest(uc, nr, 2, 3);
	case SYS_futex:
		/* Absolute; the other form is restarted only without a timeout. */
		return (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && again(uc, nr);
	default:
		return signals_repeats(nr) && signals_limit(uc, nr) && again(uc, nr);
	}
}

#define CODE_BYTES 24

/* The instruction may be the first of its mapping: then the kernel reads, and refuses. */
static bool read_code(uint8_t *code, uintptr_t end)
{
	uintptr_t from = end - CODE_BYTES;
	struct iovec to = {code, CODE_BYTES}, what = {(void *)from, CODE_BYTES};

	if (from >> 12 == end >> 12) {
		memcpy(code, (const void *)from, CODE_BYTES);
		return true;
	}
	return sys_call(SYS_process_vm_readv, sys_getpid(), &to, 1, &what, 1, 0) == CODE_BYTES;
}

/*
 * A signal that the program has a handler for came while ours ran, and will be delivered when we
 * return: EINTR is what the program would have seen of that.
 */
enum { COMES_NONE, COMES_RESTARTING, COMES_INTERRUPTING };

static int handler_comes(const ucontext_t *uc)
{
	uint64_t pending = 0, ours = signals_bit(g_signals_control);
	int comes = COMES_NONE;

	sys_call(SYS_rt_sigpending, &pending, sizeof(pending));
	pending &= ~*(const uint64_t *)&uc->uc_sigmask & ~ours;
	for (int sig = 1; pending && sig <= SIGNALS_MAX; sig++) {
		struct signals_action a = {0};

		if (!(pending & signals_bit(sig)))
			continue;
		pending &= ~signals_bit(sig);
		sys_call(SYS_rt_sigaction, sig, NULL, &a, sizeof(a.mask));
		if (a.handler == (void *)SIG_DFL || a.handler == (void *)SIG_IGN)
			continue;
		if (!(a.flags & SA_RESTART))
			return COMES_INTERRUPTING;
		comes = COMES_RESTARTING;
	}
	return comes;
}

/* `code` is then what led to the call. */
static bool is_interrupted(ucontext_t *uc, uint8_t *code)
{
	return *arch_uc_register(uc, ARCH_RESULT) == -EINTR &&
	       read_code(code, (uintptr_t)*arch_uc_register(uc, ARCH_PC)) &&
	       arch_is_call(code + CODE_BYTES - ARCH_CALL_BYTES);
}

long signals_call(const void *ucontext)
{
	ucontext_t *uc = (ucontext_t *)ucontext; /* nothing is changed */
	int64_t result = *arch_uc_register(uc, ARCH_RESULT);
	uintptr_t pc = (uintptr_t)*arch_uc_register(uc, ARCH_PC);
	uint8_t code[CODE_BYTES] = {0};

	if (is_interrupted(uc, code))
		return arch_uc_number(uc, code, CODE_BYTES);
	/* To be begun again: it stands before the instruction, with the number in place. */
	return ARCH_ARGS_KEPT && result >= 0 && result < 1024 &&
	                       read_code(code, pc + ARCH_CALL_BYTES) &&
	                       arch_is_call(code + CODE_BYTES - ARCH_CALL_BYTES)
	               ? (long)result
	               : -1;
}

void signals_restart(void *ucontext)
{
	uint8_t code[CODE_BYTES] = {0};

	if (ARCH_ARGS_KEPT && is_interrupted(ucontext, code) && !handler_comes(ucontext))
		restart(ucontext, arch_uc_number(ucontext, code, CODE_BYTES));
}

/* ---- restart_syscall ---- */

/* The kernel keeps, for the thread, what it needs to go on with these. */
static bool is_kept(ucontext_t *uc, long nr)
{
	switch (nr) {
	case SYS_nanosleep:
	case SYS_poll:
	case SYS_restart_syscall:
		return true;
	case SYS_clock_nanosleep:
		return !(*argument(uc, 1) & ABSOLUTE);
	case SYS_futex:
		return *argument(uc, 3) != 0;
	default:
		return false;
	}
}

/*
 * rt_sigreturn makes the kernel forget what it has kept, so the registers are set here: all of
 * them, the vector registers and their control words included.
 */
static void leave_to_restart(ucontext_t *uc)
{
	uint64_t mask = *(const uint64_t *)&uc->uc_sigmask;

	signals_mask(SIG_SETMASK, mask);
	arch_uc_restart(uc);
}

/* Calls that the kernel begins again after a handler that wants it, and not after others. */
static bool asks_handler(ucontext_t *uc, long nr)
{
	int64_t operation = *argument(uc, 1), op = operation & FUTEX_CMD_MASK;

	switch (nr) {
	case SYS_futex:
		return op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET;
	case SYS_connect:
	case SYS_recvmmsg:
	case SYS_sendmmsg:
	case SYS_wait4:
	case SYS_waitid:
	case SYS_flock:
	case SYS_open:
	case SYS_openat:
	case SYS_mq_timedsend:
	case SYS_mq_timedreceive:
		return true;
	case SYS_fcntl:
		return operation == F_SETLKW;
	default:
		return signals_repeats(nr);
	}
}

/*
 * The kernel has decided by our handler, which wants the call to be begun again, and the one that
 * comes now does not: had it come alone, the program would see EINTR.
 */
static void interrupt(ucontext_t *uc, long nr)
{
	int64_t *result = arch_uc_register(uc, ARCH_RESULT), *pc = arch_uc_register(uc, ARCH_PC);

	if (nr < 0 || *result != nr || !asks_handler(uc, nr) || !arch_is_call((const void *)*pc))
		return;
	*result = -EINTR;
	*pc += ARCH_CALL_BYTES;
}

void signals_resume(void *ucontext, long nr)
{
	ucontext_t *uc = ucontext;
	uint8_t code[CODE_BYTES] = {0};
	int comes = handler_comes(uc);

	if (!ARCH_ARGS_KEPT)
		return;
	if (comes == COMES_INTERRUPTING)
		interrupt(uc, nr);
	if (comes || !is_interrupted(uc, code))
		return;
	if (nr < 0)
		nr = arch_uc_number(uc, code, CODE_BYTES);
	if (is_kept(uc, nr) && arch_uc_can_restart(uc))
		leave_to_restart(uc);
	restart(uc, nr);
}
