/*
 * Has its own use for the signal that outlive wakes idle processes with, in the ways that need it
 * blocked: sig_used WAY. Another process sends it while this one waits.
 */
#include "prog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>

#define OWN (SIGRTMAX - 4)

static volatile sig_atomic_t g_handled, g_value;
static sigset_t g_own, g_none;
static int g_sent[2]; /* a pipe, in which a byte says that the signal has been sent */

static void on_info(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	g_handled++;
	g_value = info->si_value.sival_int;
}

/* From outside, when the thread sleeps in what it does next. */
static void send_from_child(int value)
{
	pid_t to = getpid();
	char stat[64];

	fflush(stdout);
	if (fork())
		return;
	snprintf(stat, sizeof(stat), "/proc/%d/stat", (int)to);
	for (char state; (state = prog_state_of(stat)) != 'S'; usleep(1000))
		if (!state)
			_exit(1);
	sigqueue(to, OWN, (union sigval){.sival_int = value});
	_exit(write(g_sent[1], "", 1) != 1);
}

static void show(const char *what, long r)
{
	int was = r < 0 ? errno : 0;

	printf("%s: %ld %s, %d handled, value %d\n", what, r, strerror(was), (int)g_handled,
	       (int)g_value);
	fflush(stdout);
}

static void fetch(int fd)
{
	struct signalfd_siginfo info = {0};
	long n = read(fd, &info, sizeof(info));

	printf("read %ld: %d, value %d\n", n, info.ssi_signo == (unsigned)OWN, info.ssi_int);
}

static void *idle(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

/* ---- by a descriptor ---- */

static int by_descriptor(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	sigset_t usr1 = g_none;
	pthread_t t;

	sigprocmask(SIG_BLOCK, &g_own, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&t, NULL, idle, NULL);
	sigaddset(&usr1, SIGUSR1);
	int other = signalfd(-1, &usr1, SFD_NONBLOCK), fd = signalfd(-1, &usr1, 0);
	/* It is given the signal later, has another number meanwhile, and one more that closes. */
	int moved = dup(fd), epoll = epoll_create1(0);

	show("changed", signalfd(moved, &g_own, 0) == moved);
	close(fd);
	fd = moved;
	e.data.fd = fd;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
	struct pollfd p[2] = {{other, POLLIN, 0}, {fd, POLLIN, 0}};

	send_from_child(1);
	show("poll", poll(p, 2, -1));
	printf("ready: %d %d\n", p[0].revents, p[1].revents);
	fetch(fd);
	send_from_child(2);
	show("epoll", epoll_wait(epoll, &e, 1, -1));
	fetch(fd);
	send_from_child(3);
	fetch(fd);
	sigqueue(getpid(), OWN, (union sigval){.sival_int = 4});
	fetch(fd);
	close(fd);
	fd = signalfd(-1, &g_own, SFD_NONBLOCK);
	fetch(fd);
	sigqueue(getpid(), OWN, (union sigval){.sival_int = 5});
	fetch(fd);
	return 0;
}

/* ---- by a mask for the wait ---- */

static long wait_with(const char *way, const sigset_t *mask, bool until_sent)
{
	struct epoll_event e = {.events = EPOLLIN};
	struct pollfd p = {g_sent[0], POLLIN, 0};
	int n = until_sent, epoll = epoll_create1(0);
	fd_set in;

	FD_ZERO(&in);
	FD_SET(g_sent[0], &in);
	if (until_sent)
		epoll_ctl(epoll, EPOLL_CTL_ADD, g_sent[0], &e);
	if (!strcmp(way, "ppoll"))
		return ppoll(&p, (nfds_t)n, NULL, mask);
	if (!strcmp(way, "pselect"))
		return pselect(n ? g_sent[0] + 1 : 0, &in, NULL, NULL, NULL, mask);
	if (!strcmp(way, "epoll_pwait"))
		return epoll_pwait(epoll, &e, 1, -1, mask);
	if (!strcmp(way, "epoll_pwait2"))
		return epoll_pwait2(epoll, &e, 1, NULL, mask);
	return sigsuspend(mask);
}

/* With a byte in the pipe that nobody waits for. */
static void forget(void)
{
	char c;

	if (read(g_sent[0], &c, 1) != 1)
		_exit(1);
}

static int by_mask(const char *way)
{
	/* Pending before: it strikes in the wait, and not before. */
	sigprocmask(SIG_BLOCK, &g_own, NULL);
	sigqueue(getpid(), OWN, (union sigval){.sival_int = 10});
	show("pending", 0);
	show(way, wait_with(way, &g_none, false));
	for (int i = 11; i < 13; i++) {
		send_from_child(i);
		show(way, wait_with(way, &g_none, false));
		forget();
	}
	if (!strcmp(way, "sigsuspend"))
		return 0;
	/* Not in the wait, but behind it. */
	send_from_child(13);
	show("blocked in the wait", wait_with(way, &g_own, true));
	sigprocmask(SIG_UNBLOCK, &g_own, NULL);
	show("open", 0);
	return 0;
}

/* Open, but for the wait. */
static int kept_out(const char *way)
{
	for (int i = 20; i < 22; i++) {
		send_from_child(i);
		long r = wait_with(way, &g_own, true);
		show(way, r);
		forget();
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction a = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};

	sigemptyset(&g_none);
	sigemptyset(&g_own);
	sigaddset(&g_own, OWN);
	alarm(60);
	if (pipe(g_sent))
		return 1;
	if (argc > 1 && !strcmp(argv[1], "signalfd"))
		return by_descriptor();
	sigaction(OWN, &a, NULL);
	return argc > 2 ? kept_out(argv[2]) : by_mask(argc > 1 ? argv[1] : "sigsuspend");
}
