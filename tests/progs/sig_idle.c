/*
 * Waits in the way that its argument says, for a request for a snapshot from outside, and tells how
 * the wait ended. Prints "ready" before. A line on standard input, or the second argument's
 * milliseconds, end the wait.
 */
#include "prog.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

/* What fortified programs and old ones call. */
int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);
int __sigsuspend(const sigset_t *);

static long g_ms;
static volatile sig_atomic_t g_seen;

static struct timespec span(void)
{
	return (struct timespec){g_ms / 1000, g_ms % 1000 * 1000000};
}

static void on_signal(int sig)
{
	g_seen = sig;
}

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static int sleeping(const char *how)
{
	struct timespec t = span(), rest = {0, 0};

	if (!strcmp(how, "sleep"))
		return (int)sleep((unsigned)(g_ms / 1000));
	if (!strcmp(how, "nanosleep"))
		return nanosleep(&t, &rest);
	if (!strcmp(how, "clock_nanosleep"))
		return clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &rest);
	if (!strcmp(how, "clock_nanosleep-until")) {
		clock_gettime(CLOCK_MONOTONIC, &rest);
		rest.tv_sec += t.tv_sec;
		return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &rest, NULL);
	}
	return 99;
}

static int polling(const char *how)
{
	struct pollfd p = {0, POLLIN, 0};
	struct epoll_event e = {.events = EPOLLIN};
	struct timespec t = span();
	struct timeval v = {t.tv_sec, t.tv_nsec / 1000};
	fd_set in;
	int fd = epoll_create1(0);

	FD_ZERO(&in);
	FD_SET(0, &in);
	epoll_ctl(fd, EPOLL_CTL_ADD, 0, &e);
	if (!strcmp(how, "poll"))
		return poll(&p, 1, -1);
	if (!strcmp(how, "poll-time"))
		return poll(&p, 1, (int)g_ms);
	if (!strcmp(how, "ppoll"))
		return ppoll(&p, 1, NULL, NULL);
	if (!strcmp(how, "ppoll-fortified"))
		return __ppoll_chk(&p, 1, &t, NULL, sizeof(p));
	if (!strcmp(how, "select"))
		return select(1, &in, NULL, NULL, NULL);
	if (!strcmp(how, "select-time"))
		return select(1, &in, NULL, NULL, &v);
	if (!strcmp(how, "pselect-time"))
		return pselect(1, &in, NULL, NULL, &t, NULL);
	if (!strcmp(how, "epoll"))
		return epoll_wait(fd, &e, 1, -1);
	if (!strcmp(how, "epoll-time"))
		return epoll_wait(fd, &e, 1, (int)g_ms);
	if (!strcmp(how, "epoll_pwait"))
		return epoll_pwait(fd, &e, 1, -1, NULL);
	if (!strcmp(how, "epoll_pwait-time"))
		return epoll_pwait(fd, &e, 1, (int)g_ms, NULL);
	if (!strcmp(how, "epoll_pwait2-time"))
		return epoll_pwait2(fd, &e, 1, &t, NULL);
	if (!strcmp(how, "epoll_pwait2"))
		return epoll_pwait2(fd, &e, 1, NULL, NULL);
	return 99;
}

static void *posts(void *arg)
{
	char c;

	block_all();
	if (read(0, &c, 1) == 1)
		sem_post(arg);
	return NULL;
}

/* Relative, as libc does not use it; or absolute. */
static int futex(bool until)
{
	static int word;
	struct timespec t = span(), now = {0, 0};

	if (until)
		clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_sec += t.tv_sec;
	now.tv_nsec = until ? now.tv_nsec : t.tv_nsec;
	return (int)syscall(SYS_futex, &word, until ? FUTEX_WAIT_BITSET : FUTEX_WAIT, 0, &now, NULL,
	                    FUTEX_BITSET_MATCH_ANY);
}

static int blocking(const char *how)
{
	if (!strcmp(how, "futex") || !strcmp(how, "futex-until"))
		return futex(!strcmp(how, "futex-until"));
	struct timespec t;
	char c;
	int fds[2];

	if (!strcmp(how, "read"))
		return (int)read(0, &c, 1);
	if (!strcmp(how, "recv-time")) {
		struct timeval v = {g_ms / 1000, g_ms % 1000 * 1000};

		socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
		setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &v, sizeof(v));
		return (int)recv(fds[0], &c, 1, 0);
	}
	if (!strcmp(how, "sem")) {
		pthread_t thread;
		static sem_t sem;

		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_sec += 1000;
		pthread_create(&thread, NULL, posts, &sem);
		return sem_timedwait(&sem, &t);
	}
	if (!strcmp(how, "semop")) {
		int id = semget(IPC_PRIVATE, 1, 0600);
		struct sembuf b = {0, -1, 0};

		t = span();
		int r = semtimedop(id, &b, 1, &t);
		int was = errno;
		semctl(id, 0, IPC_RMID);
		errno = was;
		return r;
	}
	return 99;
}

static int awaiting(const char *how)
{
	struct timespec t = span();
	sigset_t all;
	int sig = 0;

	sigfillset(&all);
	if (!strcmp(how, "sigwait")) {
		block_all();
		return sigwait(&all, &sig) * 100 + sig;
	}
	if (!strcmp(how, "sigtimedwait")) {
		block_all();
		return sigtimedwait(&all, NULL, &t);
	}
	if (!strcmp(how, "signalfd")) {
		struct signalfd_siginfo info;

		block_all();
		int fd = signalfd(-1, &all, SFD_CLOEXEC);
		return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : -1;
	}
	if (!strcmp(how, "sigsuspend")) {
		signal(SIGTERM, on_signal);
		sigdelset(&all, SIGTERM);
		while (!g_seen && sigsuspend(&all) && !g_seen)
			__sigsuspend(&all);
		return g_seen;
	}
	if (!strcmp(how, "pause")) {
		signal(SIGTERM, on_signal);
		pause();
		return g_seen;
	}
	return 99;
}

static int busy(void)
{
	char c;

	block_all();
	for (;;) {
		struct pollfd p = {0, POLLIN, 0};

		for (int i = 0; i < 1000; i++)
			free(malloc((size_t)i));
		if (poll(&p, 1, 0) > 0)
			return (int)read(0, &c, 1);
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	int r = 99;

	g_ms = argc > 2 ? atol(argv[2]) : 0;
	prog_sink = malloc(1000);
	if (write(1, "ready\n", 6) != 6)
		return 98;
	errno = 0;
	if (!strcmp(how, "busy"))
		r = busy();
	if (r == 99)
		r = sleeping(how);
	if (r == 99)
		r = polling(how);
	if (r == 99)
		r = blocking(how);
	if (r == 99)
		r = awaiting(how);
	int was = r == -1 ? errno : 0;
	printf("%s: %d %s, handlers ran: %d\n", how, r, was ? strerror(was) : "", (int)g_seen);
	return 0;
}
