/*
 * signals_restart.c - system calls that a handler makes fail with EINTR whatever its flags say:
 * sleeps, polls, waits for signals and semaphores. A program without any handler never sees that,
 * and may take it for an error or for the end of its sleep. So after our own handler the call is
 * made once more. What is left of a timeout is known to the kernel, as long as the handler has made
 * no call that overwrites it: then the call goes on by restart_syscall. Else where the kernel
 * writes it back. poll, epoll_wait and a few others have only the whole again, and may sleep longer
 * than asked, once.
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

#include "signals.h"

/* clock_nanosleep's TIMER_ABSTIME, without <time.h> for one bit */
#define ABSOLUTE 1
/* sigaltstack's SS_AUTODISARM, without the kernel's header beside libc's */
#define AUTODISARM (1u << 31)

static bool again(greg_t *r, long nr)
{
	r[REG_RAX] = nr;
	r[REG_RIP] -= 2;
	return true;
}

/* The kernel has written the rest to where the program said. */
static bool again_with_rest(greg_t *r, long nr, int request, int rest)
{
	if (!r[rest])
		return false;
	r[request] = r[rest];
	return again(r, nr);
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
	/* EINTR only where the socket has a timeout */
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_accept:
	case SYS_accept4:
		return true;
	default:
		return false;
	}
}

static bool restart(greg_t *r, long nr)
{
	switch (nr) {
	case SYS_nanosleep:
		return again_with_rest(r, nr, REG_RDI, REG_RSI);
	case SYS_clock_nanosleep:
		return r[REG_RSI] & ABSOLUTE ? again(r, nr)
		                             : again_with_rest(r, nr, REG_RDX, REG_R10);
	case SYS_futex:
		/* Absolute; the other form is restarted only without a timeout. */
		return (r[REG_RSI] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && again(r, nr);
	default:
		return signals_repeats(nr) && again(r, nr);
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
 * The kernel does not say which call it was, but libc's code does: "mov $number, %eax" stands
 * before "syscall", with at most a few loads of arguments in between; "xor %eax, %eax" for read.
 */
static long number_in(const uint8_t *code)
{
	uint32_t nr;

	for (int at = CODE_BYTES - 4; at >= 0; at--) {
		if (code[at] == 0x31 && code[at + 1] == 0xc0)
			return SYS_read;
		if (code[at] != 0xb8 || at > CODE_BYTES - 7)
			continue;
		memcpy(&nr, code + at + 1, sizeof(nr));
		if (nr < 1024)
			return (long)nr;
	}
	return -1;
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

static bool is_interrupted(const greg_t *r, uint8_t *code)
{
	return r[REG_RAX] == -EINTR && read_code(code, (uintptr_t)r[REG_RIP]) &&
	       code[CODE_BYTES - 2] == 0x0f && code[CODE_BYTES - 1] == 0x05;
}

long signals_call(const void *ucontext)
{
	const greg_t *r = ((const ucontext_t *)ucontext)->uc_mcontext.gregs;
	uint8_t code[CODE_BYTES] = {0};

	if (is_interrupted(r, code))
		return number_in(code);
	/* To be begun again: it stands before the instruction, with the number in place. */
	return r[REG_RAX] >= 0 && r[REG_RAX] < 1024 && read_code(code, (uintptr_t)r[REG_RIP] + 2) &&
	                       code[CODE_BYTES - 2] == 0x0f && code[CODE_BYTES - 1] == 0x05
	               ? (long)r[REG_RAX]
	               : -1;
}

void signals_restart(void *ucontext)
{
	ucontext_t *uc = ucontext;
	uint8_t code[CODE_BYTES] = {0};

	if (is_interrupted(uc->uc_mcontext.gregs, code) && !handler_comes(uc))
		restart(uc->uc_mcontext.gregs, number_in(code));
}

/* ---- restart_syscall ---- */

/* The kernel keeps, for the thread, what it needs to go on with these. */
static bool is_kept(const greg_t *r, long nr)
{
	switch (nr) {
	case SYS_nanosleep:
	case SYS_poll:
	case SYS_restart_syscall:
		return true;
	case SYS_clock_nanosleep:
		return !(r[REG_RSI] & ABSOLUTE);
	case SYS_futex:
		return r[REG_R10] != 0;
	default:
		return false;
	}
}

/* Leaving a handler without rt_sigreturn: not where that does more than to set registers. */
static bool can_leave(const ucontext_t *uc)
{
	uint64_t shadow_stack = 0;

	__asm__("rdsspq %0" : "+r"(shadow_stack));
	return !shadow_stack && uc->uc_mcontext.fpregs &&
	       !((uint32_t)uc->uc_stack.ss_flags & AUTODISARM);
}

/* The vector registers that the kernel has put aside, for xrstor; 0: only the oldest of them. */
static uint64_t kept_features(const void *fp)
{
	struct _fpx_sw_bytes sw;

	memcpy(&sw, (const char *)fp + 464, sizeof(sw));
	return sw.magic1 == FP_XSTATE_MAGIC1 ? sw.xstate_bv : 0;
}

/*
 * rt_sigreturn makes the kernel forget what it has kept, so the registers are set here: all of
 * them, the vector registers and their control words included.
 */
static void leave_to_restart(ucontext_t *uc)
{
	uint64_t mask = *(const uint64_t *)&uc->uc_sigmask;

	signals_mask(SIG_SETMASK, mask);
	signals_leave(uc->uc_mcontext.gregs, uc->uc_mcontext.fpregs,
	              kept_features(uc->uc_mcontext.fpregs));
}

/* Calls that the kernel begins again after a handler that wants it, and not after others. */
static bool asks_handler(const greg_t *r, long nr)
{
	long op = r[REG_RSI] & FUTEX_CMD_MASK;

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
		return r[REG_RSI] == F_SETLKW;
	default:
		return signals_repeats(nr);
	}
}

/*
 * The kernel has decided by our handler, which wants the call to be begun again, and the one that
 * comes now does not: had it come alone, the program would see EINTR.
 */
static void interrupt(greg_t *r, long nr)
{
	if (nr < 0 || r[REG_RAX] != nr || !asks_handler(r, nr) ||
	    memcmp((const void *)r[REG_RIP], "\x0f\x05", 2))
		return;
	r[REG_RAX] = -EINTR;
	r[REG_RIP] += 2;
}

void signals_resume(void *ucontext, long nr)
{
	ucontext_t *uc = ucontext;
	greg_t *r = uc->uc_mcontext.gregs;
	uint8_t code[CODE_BYTES] = {0};
	int comes = handler_comes(uc);

	if (comes == COMES_INTERRUPTING)
		interrupt(r, nr);
	if (comes || !is_interrupted(r, code))
		return;
	if (nr < 0)
		nr = number_in(code);
	if (is_kept(r, nr) && can_leave(uc))
		leave_to_restart(uc);
	restart(r, nr);
}
