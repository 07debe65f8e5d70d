/*
 * signals_restart.c - system calls that a handler makes fail with EINTR whatever its flags say:
 * sleeps, polls, waits for signals and semaphores. A program without any handler never sees that,
 * and may take it for an error or for the end of its sleep. So after our own handler the call is
 * made once more. What is left of a timeout is known where the kernel writes it back; poll,
 * epoll_wait and a few others have only the whole again, and may sleep longer than asked, once.
 *
 * Calls that take a signal mask are left alone: who passes one waits for signals, and expects
 * EINTR. Context: a signal handler.
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "signals.h"

/* clock_nanosleep's TIMER_ABSTIME, without <time.h> for one bit */
#define ABSOLUTE 1

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

static bool restart(greg_t *r, long nr)
{
	switch (nr) {
	case SYS_nanosleep:
		return again_with_rest(r, nr, REG_RDI, REG_RSI);
	case SYS_clock_nanosleep:
		return r[REG_RSI] & ABSOLUTE ? again(r, nr)
		                             : again_with_rest(r, nr, REG_RDX, REG_R10);
	case SYS_ppoll:
	case SYS_epoll_pwait2:
		if (nr == SYS_ppoll ? r[REG_R10] : r[REG_R8])
			return false;
		return again(r, nr);
	case SYS_epoll_pwait:
		return !r[REG_R8] && again(r, nr);
	case SYS_pselect6: {
		/* The sixth argument points to the mask's address and size. */
		const uint64_t *mask = (const uint64_t *)r[REG_R9];

		return (!mask || !mask[0]) && again(r, nr);
	}
	case SYS_futex:
		/* Absolute; the other form is restarted only without a timeout. */
		return (r[REG_RSI] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && again(r, nr);
	case SYS_poll:
	case SYS_select:
	case SYS_epoll_wait:
	case SYS_pause:
	case SYS_rt_sigtimedwait:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_msgsnd:
	case SYS_msgrcv:
	case SYS_io_getevents:
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
		return again(r, nr);
	default:
		return false;
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

void signals_restart(void *ucontext)
{
	greg_t *r = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
	uint8_t code[CODE_BYTES] = {0};

	if (r[REG_RAX] != -EINTR || !read_code(code, (uintptr_t)r[REG_RIP]))
		return;
	if (code[CODE_BYTES - 2] == 0x0f && code[CODE_BYTES - 1] == 0x05)
		restart(r, number_in(code));
}
