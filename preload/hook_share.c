/*
 * hook_share.c - calls that may make a child which borrows our memory (vfork, clone), and
 * syscall(), by which programs make and close descriptors that have no function of their own.
 * vfork and clone return twice, and a frame of ours would be overwritten by the child: so all are
 * jumps through a slot. From the first such call on, whoever records a descriptor or a timer asks
 * the kernel whose process it is. Context: any thread, signal handlers, children of vfork.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "format.h"
#include "hook.h"
#include "hook_numbers.h"
#include "process.h"

enum { VFORK, VFORK_OLD, CLONE, SYSCALL, N_SLOTS };

void share_fill(void);
long share_syscall(long n, long a, long b, long c, long d, long e, long f);

/* The originals; NULL until share_go() had them looked up. */
__attribute__((visibility("hidden"), used)) void (*share_slot[N_SLOTS])(void);

__attribute__((visibility("hidden"), used)) void share_fill(void)
{
	hook_ready();
	share_slot[VFORK] = real.vfork;
	share_slot[VFORK_OLD] = real.__vfork;
	share_slot[CLONE] = real.clone;
	share_slot[SYSCALL] = real.syscall;
}

/* vfork, __vfork, clone and syscall themselves are in hook_<processor>.S: they note that there may
 * be a child, and jump to the slot, which share_fill() fills the first time. syscall comes to
 * share_syscall() for all but clone, vfork and clone3. */
_Static_assert(VFORK == SHARE_VFORK && VFORK_OLD == SHARE_VFORK2 && CLONE == SHARE_CLONE &&
                       SYSCALL == SHARE_SYSCALL,
               "numbers in assembly");
_Static_assert((SYS_clone == 56 || SYS_clone == 220) && (SYS_vfork == 58 || SYS_vfork < 0) &&
                       SYS_clone3 == 435,
               "and these");

/* ---- descriptors by number ---- */

/* Of calls that return one; 0 for others. */
static unsigned kind_of(long n)
{
	switch (n) {
	case SYS_open:
	case SYS_openat:
	case SYS_openat2:
	case SYS_creat:
	case SYS_open_by_handle_at:
		return FMT_FD_FILE;
	case SYS_socket:
	case SYS_accept:
	case SYS_accept4:
		return FMT_FD_SOCKET;
	case SYS_epoll_create:
	case SYS_epoll_create1:
		return FMT_FD_EPOLL;
	case SYS_eventfd:
	case SYS_eventfd2:
		return FMT_FD_EVENTFD;
	case SYS_timerfd_create:
		return FMT_FD_TIMERFD;
	case SYS_inotify_init:
	case SYS_inotify_init1:
	case SYS_fanotify_init:
		return FMT_FD_INOTIFY;
	case SYS_memfd_create:
		return FMT_FD_MEMFD;
	case SYS_pidfd_open:
		return FMT_FD_PIDFD;
	case SYS_memfd_secret:
	case SYS_perf_event_open:
	case SYS_userfaultfd:
	case SYS_io_uring_setup:
	case SYS_pidfd_getfd:
	case SYS_mq_open:
	case SYS_open_tree:
	case SYS_fsopen:
	case SYS_fsmount:
	case SYS_fspick:
	case SYS_landlock_create_ruleset:
		return FMT_FD_OTHER;
	default:
		return 0;
	}
}

static void made(long n, long r, const long *a, const struct caller *from)
{
	const int *pair = (const int *)a[n == SYS_socketpair ? 3 : 0];
	unsigned kind = kind_of(n);

	switch (n) {
	case SYS_pipe:
	case SYS_pipe2:
	case SYS_socketpair:
		kind = n == SYS_socketpair ? FMT_FD_SOCKET : FMT_FD_PIPE;
		track_fd_open(pair[0], kind, 0, from);
		track_fd_open(pair[1], kind, 0, from);
		return;
	case SYS_signalfd4:
		if ((int)a[0] < 0)
			track_fd_open((int)r, FMT_FD_SIGNALFD, 0, from);
		return;
	case SYS_fcntl:
		if (a[1] != F_DUPFD && a[1] != F_DUPFD_CLOEXEC)
			return;
		/* fall through */
	case SYS_dup:
		track_fd_open((int)r, track_fd_kind((int)a[0]), FMT_FD_FLAG_DUP, from);
		return;
	case SYS_dup2:
	case SYS_dup3:
		if (a[0] == a[1])
			return;
		track_fd_replaced((int)r, from);
		track_fd_open((int)r, track_fd_kind((int)a[0]), FMT_FD_FLAG_DUP, from);
		return;
	case SYS_close_range:
		if (!(a[2] & 4))
			track_fd_close_range((unsigned)a[0], (unsigned)a[1], from);
		return;
	case SYS_recvmsg:
		track_fd_message((const void *)a[1], from);
		return;
	case SYS_recvmmsg:
		for (unsigned i = 0; i < (unsigned long)r; i++)
			track_fd_message(track_fd_nth_message((const void *)a[1], i), from);
		return;
	case SYS_getsockopt:
		track_fd_option((int)a[1], (int)a[2], (const void *)a[3], *(const unsigned *)a[4],
		                from);
		return;
	default:
		if (kind)
			track_fd_open((int)r, kind, 0, from);
	}
}

/* Languages that do without libc's locks. */
static bool waits_for_futex(int operation)
{
	int op = operation & FUTEX_CMD_MASK;

	return op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET || op == FUTEX_LOCK_PI;
}

__attribute__((visibility("hidden"), used)) long share_syscall(long n, long a, long b, long c,
                                                               long d, long e, long f)
{
	const long arguments[] = {a, b, c, d, e};
	struct track_closed was = {false, 0};
	long (*call)(long, ...);

	hook_ready();
	*(void **)&call = (void *)real.syscall;
	if (n == SYS_close)
		was = track_fd_close((int)a, &CALLER());
	struct process_filter filter = {.effect = SECCOMP_HARMLESS};
	if (n == SYS_seccomp && (a == SECCOMP_SET_MODE_FILTER || a == SECCOMP_SET_MODE_STRICT))
		filter = process_filter_begin((const void *)c, a == SECCOMP_SET_MODE_STRICT,
		                              b & SECCOMP_FILTER_FLAG_TSYNC);
	WAITS_IF(n == SYS_futex && waits_for_futex((int)b), FMT_SPAN_FUTEX, a, 0);
	long r = call(n, a, b, c, d, e, f);
	WAITED();
	/* With TSYNC, a positive number is that of a thread which could not follow. */
	process_filter_end(filter, !r || (r > 0 && b & SECCOMP_FILTER_FLAG_NEW_LISTENER));

	if (n == SYS_close)
		track_fd_close_done((int)a, r < 0 && errno == EBADF, was, &CALLER());
	else if (r >= 0)
		made(n, r, arguments, &CALLER());
	return r;
}
