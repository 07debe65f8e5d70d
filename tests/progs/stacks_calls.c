/*
 * stacks_calls.c - a thread in each kind of system call that a stop may end early, late or with
 * EINTR; each says how the call went. Nothing but somebody from outside can disturb them: there are
 * no signal handlers.
 *
 *     stacks_calls SECONDS   each call's limit of time
 *
 * A function that moves its stack pointer by what only runs know needs its frame pointer to be
 * unwound, so that who wants its stack must stop it; sleepers of the other kind can be read.
 */
#include <alloca.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "prog.h"

static int seconds;
static int pair[2], limited[2], listener;
static sem_t sem;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static int in_epoll(void)
{
	struct epoll_event e;

	return epoll_wait(epoll_create1(EPOLL_CLOEXEC), &e, 1, seconds * 1000);
}

static int in_poll(void)
{
	struct pollfd p = {pair[0], POLLIN, 0};

	return poll(&p, 1, seconds * 1000);
}

static int in_select(void)
{
	struct timeval t = {seconds, 0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pair[0], &set);
	return select(pair[0] + 1, &set, NULL, NULL, &t);
}

static int in_sleep(void)
{
	struct timespec t = {seconds, 0};

	return nanosleep(&t, NULL);
}

static struct timespec later(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += seconds;
	return t;
}

static int in_sem(void)
{
	struct timespec t = later();

	return sem_timedwait(&sem, &t);
}

static int in_cond(void)
{
	struct timespec t = later();

	pthread_mutex_lock(&mutex);
	int r;
	do /* it may wake without a reason */
		r = pthread_cond_timedwait(&cond, &mutex, &t);
	while (!r);
	pthread_mutex_unlock(&mutex);
	errno = r;
	return -1;
}

static int in_recv(void)
{
	char c;

	return (int)recv(limited[0], &c, 1, 0);
}

static int in_read(void)
{
	char c;

	return (int)read(pair[0], &c, 1);
}

static int in_accept(void)
{
	return accept(listener, NULL, NULL) < 0 ? -1 : 1;
}

static int in_sigwait(void)
{
	struct timespec t = {seconds, 0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &t);
}

static int in_semop(void)
{
	struct sembuf b = {0, -1, 0};
	struct timespec t = {seconds, 0};
	int set = semget(IPC_PRIVATE, 1, 0600), r = semtimedop(set, &b, 1, &t), saved = errno;

	semctl(set, 0, IPC_RMID);
	errno = saved;
	return r;
}

/* Time is right to a tenth of a second early, and late by what a loaded machine does to anybody. */
static const struct call {
	const char *name;
	int (*fn)(void);
	int result, error;
} calls[] = {
        {"epoll_wait", in_epoll, 0, 0},
        {"poll", in_poll, 0, 0},
        {"select", in_select, 0, 0},
        {"nanosleep", in_sleep, 0, 0},
        {"sem_timedwait", in_sem, -1, ETIMEDOUT},
        {"pthread_cond_timedwait", in_cond, -1, ETIMEDOUT},
        {"recv", in_recv, -1, EAGAIN},
        {"sigtimedwait", in_sigwait, -1, EAGAIN},
        {"semtimedop", in_semop, -1, EAGAIN},
        {"read", in_read, 1, 0},
        {"accept", in_accept, 1, 0},
};
enum { CALLS = sizeof(calls) / sizeof(*calls), WITHOUT_LIMIT = 2 };

static uint64_t milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void tell(const struct call *c, const char *way, uint64_t began, int r)
{
	char line[128];
	int error = r < 0 ? errno : 0;
	uint64_t took = milliseconds() - began;
	int n = snprintf(line, sizeof(line), "%s %s %s %d ms\n", c->name, way,
	                 r == c->result && error == c->error &&
	                                 took + 100 >= 1000u * (unsigned)seconds
	                         ? "right"
	                         : "WRONG",
	                 (int)took);

	if (write(1, line, (size_t)n) != n)
		_exit(96);
}

static void *plain(void *arg)
{
	const struct call *c = arg;
	uint64_t began = milliseconds();

	tell(c, "plain", began, c->fn());
	return NULL;
}

static void *volatile keep;

static FRAME void moves_sp(const struct call *c, size_t n)
{
	uint64_t began = milliseconds();

	keep = memset(alloca(n), 1, n);
	tell(c, "moved", began, c->fn());
	keep = NULL;
}

static void *moved(void *arg)
{
	moves_sp(arg, 100 + (size_t)seconds);
	return NULL;
}

static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void open_sockets(void)
{
	struct timeval t = {seconds, 0};

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, limited))
		_exit(95);
	setsockopt(limited[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)) || listen(listener, 2))
		_exit(94);
}

/* Those without a limit of time end when all others have. */
static void end_them(void)
{
	socklen_t n = sizeof(address);

	getsockname(listener, (struct sockaddr *)&address, &n);
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		if (write(pair[1], "x", 1) != 1 || connect(fd, (struct sockaddr *)&address, n))
			_exit(93);
	}
}

int main(int argc, char **argv)
{
	pthread_t thread[2 * CALLS];
	sigset_t set;
	int n = 0;

	seconds = argc > 1 ? atoi(argv[1]) : 1;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	open_sockets();
	for (int i = 0; i < CALLS; i++) {
		pthread_create(&thread[n++], NULL, plain, (void *)&calls[i]);
		pthread_create(&thread[n++], NULL, moved, (void *)&calls[i]);
	}
	for (int i = 0; i < n; i++) {
		if (i == 2 * (CALLS - WITHOUT_LIMIT))
			end_them();
		pthread_join(thread[i], NULL);
	}
	return 0;
}
