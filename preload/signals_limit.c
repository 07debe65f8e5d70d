/*
 * signals_limit.c - calls with a limit of time of which the kernel has only the whole when they are
 * made once more. Whoever asks for snapshots again and again must not keep them from their end: the
 * first time the limit counts from there, and from then on it stays where it is. Owns that moment,
 * for the one call of a thread that can be under way so. The call itself carries the mark by which
 * it is known again, where the kernel does not look: a program's own next call does not have it.
 *
 * Context: a signal handler.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

#include "arch_regs.h"
#include "seccomp.h"
#include "signals.h"
#include "socket_call.h"

#define SECOND 1000000000u
/* Nobody waits for the end of a limit of thirty years. */
#define LONGEST SECOND

static TLS struct {
	uint64_t until_ns;
	int64_t sp;
	uint32_t mark;
	struct timespec left;
} t_limit;

static uint64_t left_ns(void)
{
	uint64_t now = sys_now_ns();

	return t_limit.until_ns > now ? t_limit.until_ns - now : 0;
}

/* In the upper half of an argument of 32 bits. */
static bool is_marked(const ucontext_t *uc, int64_t argument)
{
	return t_limit.mark && (uint64_t)argument >> 32 == t_limit.mark &&
	       *arch_uc_register((ucontext_t *)uc, ARCH_SP) == t_limit.sp;
}

static int64_t marked(uint32_t value)
{
	return (int64_t)((uint64_t)t_limit.mark << 32 | value);
}

static void begin(ucontext_t *uc, uint64_t ns)
{
	static uint32_t last = 0x6f75746c;

	t_limit.until_ns = sys_now_ns() + ns;
	t_limit.sp = *arch_uc_register(uc, ARCH_SP);
	t_limit.mark = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED) | 1;
}

static void milliseconds(ucontext_t *uc, int64_t *argument)
{
	int32_t ms = (int32_t)*argument;

	if (ms <= 0)
		return;
	if (!is_marked(uc, *argument))
		begin(uc, (uint64_t)ms * 1000000);
	*argument = marked((uint32_t)((left_ns() + 999999) / 1000000));
}

static void span(ucontext_t *uc, int64_t *argument)
{
	const struct timespec *t = (const struct timespec *)*argument;

	if (!t || t->tv_sec < 0 || t->tv_sec > LONGEST)
		return;
	if (t != &t_limit.left)
		begin(uc, (uint64_t)t->tv_sec * SECOND + (uint64_t)t->tv_nsec);
	uint64_t left = left_ns();

	t_limit.left = (struct timespec){(time_t)(left / SECOND), (long)(left % SECOND)};
	*argument = (int64_t)&t_limit.left;
}

/* Of a socket; false: it is over. */
static bool socket_limit(ucontext_t *uc, int64_t *fd, int option)
{
	struct timeval t = {0};
	socklen_t n = sizeof(t);

	if (sys_call(SYS_getsockopt, (int)*fd, SOL_SOCKET, option, &t, &n) < 0 ||
	    (!t.tv_sec && !t.tv_usec) || t.tv_sec > LONGEST)
		return true;
	if (is_marked(uc, *fd)) {
		if (left_ns())
			return true;
		*arch_uc_register(uc, ARCH_RESULT) = -EAGAIN;
		return false;
	}
	/* A filter may look at all of the number. */
	if (seccomp_now() != SECCOMP_NONE)
		return true;
	begin(uc, (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_usec * 1000);
	*fd = marked((uint32_t)*fd);
	return true;
}

bool signals_limit(void *ucontext, long nr)
{
	int64_t *fd = arch_uc_register(ucontext, ARCH_ARG0);

	switch (nr) {
	case SYS_poll:
		milliseconds(ucontext, arch_uc_register(ucontext, ARCH_ARG0 + 2));
		return true;
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
		milliseconds(ucontext, arch_uc_register(ucontext, ARCH_ARG0 + 3));
		return true;
	case SYS_rt_sigtimedwait:
		span(ucontext, arch_uc_register(ucontext, ARCH_ARG0 + 2));
		return true;
	case SYS_semtimedop:
	case SYS_epoll_pwait2:
		span(ucontext, arch_uc_register(ucontext, ARCH_ARG0 + 3));
		return true;
	case SYS_io_getevents:
	case SYS_io_pgetevents:
		span(ucontext, arch_uc_register(ucontext, ARCH_ARG0 + 4));
		return true;
	default:
		if (socket_call_receives(nr))
			return socket_limit(ucontext, fd, SO_RCVTIMEO);
		return !socket_call_sends(nr) || socket_limit(ucontext, fd, SO_SNDTIMEO);
	}
}
