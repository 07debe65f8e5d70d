/*
 * live_stop.c - ptrace from outside: seize, interrupt, copy, let go. Nothing is unwound, looked up
 * or printed while the thread stands. Context: the analyzer's one thread, which is the tracer for
 * that moment; should it be killed then, the kernel lets the thread go.
 */
#include "live_stop.h"

#include <errno.h>
#include <linux/elf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_NS = 100000000, RED_ZONE = 128, LATE_MOST = 64 };

static pid_t g_late[LATE_MOST];
static unsigned g_n_late;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void live_copy_stack(struct live_copy *c, pid_t pid, const struct live_maps *maps, uint64_t sp,
                     size_t most)
{
	uint64_t start = (sp - RED_ZONE) & ~UINT64_C(15);
	const struct live_map *m = live_maps_find(maps, sp);

	c->n = 0;
	c->start = start;
	if (!m || !m->readable)
		return;
	if (start < m->start)
		c->start = start = m->start;
	size_t n = m->end - start < most ? (size_t)(m->end - start) : most;
	if (n > c->cap) {
		c->cap = n;
		c->data = xrealloc(c->data, n);
	}
	c->n = live_read(pid, start, c->data, n);
}

/* ---- system calls go on ---- */

/*
 * Calls that end with EINTR after any stop, and that come to the same when they are made once more;
 * all others the kernel itself begins again. Sockets do so only where a limit of time is set.
 */
static bool repeats(int64_t number)
{
	switch (number) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_rt_sigtimedwait:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_io_getevents:
	case SYS_io_pgetevents:
	case SYS_io_uring_enter:
	case SYS_poll:
	case SYS_ppoll:
	case SYS_select:
	case SYS_pselect6:
	case SYS_pause:
	case SYS_rt_sigsuspend:
	case SYS_msgsnd:
	case SYS_msgrcv:
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

/* Of a socket, for the direction of the call; only there a stop ends calls on descriptors. */
static bool socket_limited(int pidfd, int64_t fd, int option)
{
	struct timeval t = {0};
	socklen_t n = sizeof(t);
	int ours = (int)syscall(SYS_pidfd_getfd, pidfd, (int)fd, 0);

	if (ours < 0)
		return false;
	bool limited = !getsockopt(ours, SOL_SOCKET, option, &t, &n) && (t.tv_sec || t.tv_usec);
	close(ours);
	return limited;
}

bool live_stop_lengthens(int pidfd, const struct wait_call *call)
{
	struct wait_reason r;

	wait_reason_decode(call, &r);
	switch (r.kind) {
	case WAIT_EPOLL:
	case WAIT_SIGNAL:
	case WAIT_SEM:
	case WAIT_IO:
		return r.timed && repeats(call->number);
	case WAIT_READ:
	case WAIT_RECV:
	case WAIT_ACCEPT:
		return socket_limited(pidfd, r.fd, SO_RCVTIMEO);
	case WAIT_WRITE:
	case WAIT_SEND:
	case WAIT_CONNECT:
		return socket_limited(pidfd, r.fd, SO_SNDTIMEO);
	default:
		return false;
	}
}

static uint64_t mask_in(const char *status, const char *field)
{
	const char *at = strstr(status, field);

	return at ? strtoull(at + strlen(field), NULL, 16) : 0;
}

/* A signal has come meanwhile that the program has a handler for: EINTR is what it would have seen
 * of that. */
static bool handler_comes(pid_t pid, pid_t tid)
{
	char path[64], status[8192];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
	FILE *f = fopen(path, "re");
	if (!f)
		return true;
	size_t n = fread(status, 1, sizeof(status) - 1, f);
	fclose(f);
	status[n] = 0;
	uint64_t pending = mask_in(status, "\nSigPnd:") | mask_in(status, "\nShdPnd:");

	return (pending & mask_in(status, "\nSigCgt:") & ~mask_in(status, "\nSigBlk:")) != 0;
}

/* ---- one thread ---- */

static void note_registers(const struct user_regs_struct *u, struct live_stopped *out)
{
	machine_registers(u, out->regs.value);
	out->regs.known = UNWIND_ALL;
	out->call = (struct wait_call){.sp = out->regs.value[UNWIND_SP],
	                               .pc = out->regs.value[UNWIND_PC]};
	out->call.number = machine_call(u, out->call.args);
}
_Static_assert(WAIT_NO_CALL == -1, "as machine_call() says it");

static bool get_registers(pid_t tid, struct user_regs_struct *u)
{
	struct iovec io = {u, sizeof(*u)};

	return !ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)NT_PRSTATUS, &io);
}

/* It stands: -1 when not within the time, 0 when it has ended. */
static int await(pid_t tid, int *status, uint64_t patience_ns)
{
	uint64_t deadline = now_ns() + patience_ns, now;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		pid_t r = waitpid(tid, status, __WALL | WNOHANG);

		if (r == tid && WIFSTOPPED(*status))
			return 1;
		if (r)
			return 0;
		now = now_ns();
		if (now >= deadline)
			return -1;
		/* The kernel tells a tracer by SIGCHLD. */
		struct timespec left = {0, deadline - now < 2000000 ? (long)(deadline - now)
		                                                    : 2000000};
		sigtimedwait(&child, NULL, &left);
	}
}

/* It was being given a signal when it was stopped: it must have it when it goes on. */
static long signal_in_hand(int status)
{
	return status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
}

static void let_go(pid_t pid, pid_t tid, struct user_regs_struct *u, long signal,
                   struct live_stopped *out)
{
	uint64_t args[6];
	int64_t call = machine_call(u, args);

	if (machine_result(u) == -EINTR && call >= 0 && !signal && repeats(call) &&
	    !handler_comes(pid, tid)) {
		struct iovec io = {u, sizeof(*u)};

		machine_repeat(u);
		out->anew = !ptrace(PTRACE_SETREGSET, tid, (void *)(uintptr_t)NT_PRSTATUS, &io);
	}
	ptrace(PTRACE_DETACH, tid, NULL, signal);
}

static enum live_stop_result stop_and_copy(pid_t pid, pid_t tid, const struct live_maps *maps,
                                           size_t most, struct live_copy *copy,
                                           struct live_stopped *out)
{
	struct user_regs_struct u;
	int status = 0;
	uint64_t began = now_ns();

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		return errno == ESRCH ? LIVE_STOP_GONE : LIVE_STOP_REFUSED;
	int r = await(tid, &status, PATIENCE_NS);
	if (r < 0) {
		if (g_n_late < LATE_MOST)
			g_late[g_n_late++] = tid;
		return LIVE_STOP_LATE;
	}
	if (!r)
		return LIVE_STOP_GONE;
	if (!get_registers(tid, &u)) {
		ptrace(PTRACE_DETACH, tid, NULL, signal_in_hand(status));
		return LIVE_STOP_GONE;
	}
	note_registers(&u, out);
	live_copy_stack(copy, pid, maps, out->call.sp, most);
	let_go(pid, tid, &u, signal_in_hand(status), out);
	out->stopped_ns = now_ns() - began;
	return LIVE_STOP_DONE;
}

enum live_stop_result live_stop(pid_t pid, pid_t tid, const struct live_maps *maps, size_t most,
                                struct live_copy *copy, struct live_stopped *out)
{
	sigset_t all, before;

	*out = (struct live_stopped){0};
	/* Should we be ended by Ctrl-C while it stands, its call would not be begun anew. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	enum live_stop_result r = stop_and_copy(pid, tid, maps, most, copy, out);
	int saved = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return r;
}

void live_stop_forget(void)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < g_n_late; i++) {
		int status = 0, r = await(g_late[i], &status, 0);
		struct user_regs_struct u;
		struct live_stopped out;

		if (r < 0)
			g_late[kept++] = g_late[i];
		else if (r && get_registers(g_late[i], &u))
			let_go(g_late[i], g_late[i], &u, signal_in_hand(status), &out);
	}
	g_n_late = kept;
}
