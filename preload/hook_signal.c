/*
 * hook_signal.c - the calls that set, block and await signals. The program finds what it would
 * find without us, though the kernel has a handler of ours where it has left a deadly signal at its
 * default, and the control signal is never blocked. Context: any thread, signal handlers, vfork
 * children; async-signal-safe as the originals are.
 */
#include <errno.h>
#include <sys/signalfd.h>

#include "format.h"
#include "hook.h"
#include "process.h"
#include "signals.h"
#include "signals_yield.h"

/* ---- dispositions ---- */

/* What the program may have left to us is shown as it set it. */
static void show(int sig, struct sigaction *a)
{
	struct signals_action b;

	if (!a || !signals_believed(sig, *(void **)&a->sa_handler, &b))
		return;
	*(void **)&a->sa_handler = b.handler;
	a->sa_flags = (int)b.flags;
	*(void **)&a->sa_restorer = b.restorer;
	a->sa_mask.__val[0] = b.mask;
}

static int change_action(int (*original)(int, const struct sigaction *, struct sigaction *),
                         int sig, const struct sigaction *act, struct sigaction *old)
{
	int r;

	if (!act || !g_signals_on) {
		r = original(sig, act, old);
		if (!r && g_signals_on)
			show(sig, old);
		return r;
	}
	struct signals_change c = signals_change_begin(sig);
	r = original(sig, act, old);
	signals_change_end(&c);
	if (!r && !c.ours) /* a vfork child inherits ours */
		show(sig, old);
	return r;
}

EXPORT int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	hook_ready();
	return change_action(real.sigaction, sig, act, old);
}

EXPORT int __sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	hook_ready();
	return change_action(real.__sigaction, sig, act, old);
}

static sighandler_t change_handler(sighandler_t (*original)(int, sighandler_t), int sig,
                                   sighandler_t handler)
{
	struct signals_action b;

	if (!original) {
		errno = ENOSYS;
		return SIG_ERR;
	}
	struct signals_change c = signals_change_begin(sig);
	sighandler_t old = original(sig, handler);
	signals_change_end(&c);
	if (!c.ours && signals_believed(sig, *(void **)&old, &b))
		*(void **)&old = b.handler;
	return old;
}

EXPORT sighandler_t signal(int sig, sighandler_t handler)
{
	hook_ready();
	return change_handler(real.signal, sig, handler);
}

EXPORT sighandler_t bsd_signal(int sig, sighandler_t handler)
{
	hook_ready();
	return change_handler(real.bsd_signal, sig, handler);
}

EXPORT sighandler_t ssignal(int sig, sighandler_t handler)
{
	hook_ready();
	return change_handler(real.ssignal, sig, handler);
}

EXPORT sighandler_t sysv_signal(int sig, sighandler_t handler)
{
	hook_ready();
	return change_handler(real.sysv_signal, sig, handler);
}

EXPORT sighandler_t __sysv_signal(int sig, sighandler_t handler)
{
	hook_ready();
	return change_handler(real.__sysv_signal, sig, handler);
}

/* The control signal: held or released in what the program believes. */
static bool hold(int sig, bool held)
{
	signals_settle();
	if (!g_signals_on || !sig || sig != g_signals_control || !process_is_ours())
		return false;
	t_signals_blocked = held;
	return true;
}

/* SIG_HOLD asks for the thread's mask, which libc's own function must find as it is. */
EXPORT sighandler_t sigset(int sig, sighandler_t handler)
{
	struct signals_action b;
	struct sigaction a;

	hook_ready();
	bool held = t_signals_blocked, ours = hold(sig, handler == SIG_HOLD);
	if (ours && handler == SIG_HOLD) {
		if (held)
			return SIG_HOLD;
		return sigaction(sig, NULL, &a) ? SIG_ERR : a.sa_handler;
	}
	struct signals_change c = signals_change_begin(sig);
	signals_change_pause(&c);
	sighandler_t old = real.sigset(sig, handler);
	int was = errno;
	c = signals_change_begin(sig);
	signals_change_end(&c);
	errno = was;
	if (ours && held && old != SIG_ERR)
		return SIG_HOLD;
	if (!c.ours && signals_believed(sig, *(void **)&old, &b))
		*(void **)&old = b.handler;
	return old;
}

EXPORT int sighold(int sig)
{
	hook_ready();
	return hold(sig, true) ? 0 : real.sighold(sig);
}

EXPORT int sigrelse(int sig)
{
	hook_ready();
	return hold(sig, false) ? 0 : real.sigrelse(sig);
}

EXPORT int sigignore(int sig)
{
	hook_ready();
	struct signals_change c = signals_change_begin(sig);
	int r = real.sigignore(sig);
	signals_change_end(&c);
	return r;
}

EXPORT int siginterrupt(int sig, int interrupt)
{
	hook_ready();
	struct signals_change c = signals_change_begin(sig);
	int r = real.siginterrupt(sig, interrupt);
	signals_change_end(&c);
	return r;
}

/* ---- masks ---- */

static bool has(const sigset_t *set, uint64_t bit)
{
	return set && set->__val[0] & bit;
}

/* The set without the control signal, in *own if it must be another. */
static const sigset_t *strip(const sigset_t *set, sigset_t *own)
{
	uint64_t bit = g_signals_on ? signals_bit(g_signals_control) : 0;

	if (!has(set, bit))
		return set;
	own->__val[0] = set->__val[0] & ~bit;
	for (size_t i = 1; i < sizeof(own->__val) / sizeof(own->__val[0]); i++)
		own->__val[i] = set->__val[i];
	return own;
}

static int change_mask(int (*original)(int, const sigset_t *, sigset_t *), int how,
                       const sigset_t *set, sigset_t *old)
{
	uint64_t bit = g_signals_on ? signals_bit(g_signals_control) : 0;
	bool was = t_signals_blocked, is = was, named = has(set, bit);
	sigset_t own;

	if (!bit) {
		signals_settle();
		return original(how, set, old);
	}
	if (set && how == SIG_SETMASK)
		is = named;
	if (named && how != SIG_SETMASK)
		is = how == SIG_BLOCK;
	/* A vfork child has a mask of its own, but not a memory to remember it by. */
	if (is != was && !process_is_ours())
		return original(how, set, old);
	int r = original(how, strip(set, &own), old);
	if (r)
		return r;
	t_signals_blocked = is;
	if (old && was)
		old->__val[0] |= bit;
	return 0;
}

EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	hook_ready();
	return change_mask(real.sigprocmask, how, set, old);
}

EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	hook_ready();
	return change_mask(real.pthread_sigmask, how, set, old);
}

/* ---- waiting ---- */

/* The mask of a wait without the control signal: when the program is seen to use that, it is put
 * back into the very mask that the kernel has. */
static const sigset_t *wait_mask(const sigset_t *mask)
{
	uint64_t bit = g_signals_on ? signals_bit(g_signals_control) : 0;

	if (!bit)
		signals_settle();
	if (!has(mask, bit)) {
		if (mask && bit && t_signals_blocked)
			t_signals_wait = SIGNALS_WAIT_OPEN;
		return mask;
	}
	/* The kernel looks at no more of it. */
	t_signals_awaited = mask->__val[0] & ~bit;
	t_signals_wait = SIGNALS_WAIT_BLOCKED;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (!g_signals_control)
		t_signals_awaited |= bit;
	return (const sigset_t *)&t_signals_awaited;
}

static inline void wait_over(void)
{
	t_signals_wait = SIGNALS_WAIT_AS_EVER;
}

EXPORT int sigsuspend(const sigset_t *mask)
{
	hook_ready();
	WAITS(FMT_SPAN_SIGNAL, 0, 0);
	int r = real.sigsuspend(wait_mask(mask));
	wait_over();
	WAITED();
	return r;
}

EXPORT int __sigsuspend(const sigset_t *mask)
{
	hook_ready();
	WAITS(FMT_SPAN_SIGNAL, 0, 0);
	int r = real.__sigsuspend(wait_mask(mask));
	wait_over();
	WAITED();
	return r;
}

/*
 * For set without the control signal, which must come to our handler; when that sees that the
 * program uses it, for all of set. A wait in which it comes begins anew: the program has no handler
 * for it, and would not see EINTR.
 */
static int await(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	for (;;) {
		uint64_t bit = g_signals_on ? signals_bit(g_signals_control) : 0;

		if (!has(set, bit))
			return real.sigtimedwait(set, info, timeout);
		/* The kernel looks at no more of it. */
		t_signals_awaited = set->__val[0] & ~bit;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (!g_signals_control)
			continue;
		int r = real.sigtimedwait((const sigset_t *)&t_signals_awaited, info, timeout);
		if (r >= 0 || errno != EINTR || !(t_signals_awaited & bit))
			return r;
	}
}

/* Goes on whatever handlers interrupt it. */
EXPORT int sigwait(const sigset_t *set, int *sig)
{
	int r;

	hook_ready();
	WAITS(FMT_SPAN_SIGNAL, 0, 0);
	do
		r = await(set, NULL, NULL);
	while (r < 0 && errno == EINTR);
	WAITED();
	if (r < 0)
		return errno;
	*sig = r;
	return 0;
}

EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	hook_ready();
	WAITS(FMT_SPAN_SIGNAL, 0, 0);
	int r = await(set, info, NULL);
	WAITED();
	return r;
}

EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	hook_ready();
	WAITS(FMT_SPAN_SIGNAL, 0, 0);
	int r = await(set, info, timeout);
	WAITED();
	return r;
}

EXPORT int signalfd(int fd, const sigset_t *set, int flags)
{
	sigset_t own;

	hook_ready();
	uint64_t bit = g_signals_on ? signals_bit(g_signals_control) : 0;
	int result = real.signalfd(fd, strip(set, &own), flags);

	if (result >= 0)
		signals_note_fd(result, set->__val[0], set->__val[0] & bit);
	/* An existing descriptor is only changed. */
	if (result >= 0 && fd < 0)
		track_fd_open(result, FMT_FD_SIGNALFD, 0, &CALLER());
	return result;
}

EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	hook_ready();
	WAITS(FMT_SPAN_POLL, (uintptr_t)fds, n);
	int r = real.ppoll(fds, n, timeout, wait_mask(mask));
	wait_over();
	WAITED();
	return r;
}

EXPORT int pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
                   const sigset_t *mask)
{
	hook_ready();
	WAITS(FMT_SPAN_SELECT, (uintptr_t)in, n);
	int r = real.pselect(n, in, out, except, timeout, wait_mask(mask));
	wait_over();
	WAITED();
	return r;
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout,
                       const sigset_t *mask)
{
	hook_ready();
	WAITS_IF(timeout != 0, FMT_SPAN_EPOLL, fd, FMT_FD_EPOLL);
	int r = real.epoll_pwait(fd, events, max, timeout, wait_mask(mask));
	wait_over();
	WAITED();
	return r;
}

EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
                        const sigset_t *mask)
{
	hook_ready();
	WAITS(FMT_SPAN_EPOLL, fd, FMT_FD_EPOLL);
	int r = real.epoll_pwait2(fd, events, max, timeout, wait_mask(mask));
	wait_over();
	WAITED();
	return r;
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                       const sigset_t *mask, size_t fds_bytes)
{
	hook_ready();
	WAITS(FMT_SPAN_POLL, (uintptr_t)fds, n);
	int r = real.__ppoll_chk(fds, n, timeout, wait_mask(mask), fds_bytes);
	wait_over();
	WAITED();
	return r;
}
