/*
 * stop_calls.h - the system calls that a stop must leave alone: each made by a thread of its own,
 * once; stop_test.c stops the threads meanwhile.
 */
#ifndef OUTLIVE_STOP_CALLS_H
#define OUTLIVE_STOP_CALLS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Calls with a timeout take so long, in which a busy machine must find the time to stop them three
 * times; the others until calls_finish(). */
static long call_ms = 3000;

static struct {
	int pipe[2], event, listener, port, sockets[2], epoll, messages, semaphores, pair[2];
	sem_t sem;
	pthread_mutex_t mutex, timed_mutex;
	pthread_cond_t cond;
	bool woken;
	pthread_t pauser;
} call_with;

static struct timespec after_ms(clockid_t clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static struct timespec call_time(void)
{
	return (struct timespec){call_ms / 1000, call_ms % 1000 * 1000000};
}

static long call_read_pipe(void)
{
	char c;

	return read(call_with.pipe[0], &c, 1);
}

static long call_read_eventfd(void)
{
	uint64_t v;

	return read(call_with.event, &v, sizeof(v));
}

static long call_accept(void)
{
	int fd = accept(call_with.listener, NULL, NULL);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 1;
}

static long call_sem_wait(void)
{
	return sem_wait(&call_with.sem);
}

static long call_mutex_lock(void)
{
	int r = pthread_mutex_lock(&call_with.mutex);

	pthread_mutex_unlock(&call_with.mutex);
	return r;
}

static long call_mutex_timedlock(void)
{
	struct timespec until = after_ms(CLOCK_REALTIME, call_ms);

	return pthread_mutex_timedlock(&call_with.timed_mutex, &until);
}

static long call_cond_timedwait(void)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	struct timespec until = after_ms(CLOCK_REALTIME, call_ms);
	int r = 0;

	pthread_mutex_lock(&m);
	while (!r)
		r = pthread_cond_timedwait(&c, &m, &until);
	pthread_mutex_unlock(&m);
	return r;
}

static long call_nanosleep(void)
{
	struct timespec t = call_time();

	return nanosleep(&t, NULL);
}

static long call_usleep(void)
{
	return usleep((useconds_t)call_ms * 1000);
}

static long call_sleep(void)
{
	return sleep((unsigned)(call_ms + 999) / 1000);
}

static long call_sem_timedwait(void)
{
	static sem_t nobody_posts;
	struct timespec until = after_ms(CLOCK_REALTIME, call_ms);

	return sem_timedwait(&nobody_posts, &until);
}

static long call_poll(void)
{
	struct pollfd p = {call_with.pair[0], POLLIN, 0};

	return poll(&p, 1, (int)call_ms);
}

static long call_clock_nanosleep(void)
{
	struct timespec until = after_ms(CLOCK_MONOTONIC, call_ms);

	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static long call_select(void)
{
	struct timeval t = {call_ms / 1000, call_ms % 1000 * 1000};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(call_with.pair[0], &set);
	return select(call_with.pair[0] + 1, &set, NULL, NULL, &t);
}

static long call_ppoll(void)
{
	struct pollfd p = {call_with.pair[0], POLLIN, 0};
	struct timespec t = call_time();
	sigset_t none;

	sigemptyset(&none);
	return ppoll(&p, 1, &t, &none);
}

static void on_usr1(int sig)
{
	(void)sig;
}

/* Ends by a handler of the program's own: that EINTR must come. */
static long call_pause(void)
{
	call_with.pauser = pthread_self();
	return pause();
}

static long call_msgrcv(void)
{
	struct {
		long type;
		char text[8];
	} m;

	return msgrcv(call_with.messages, &m, sizeof(m.text), 0, 0);
}

static long call_epoll_wait(void)
{
	struct epoll_event e;

	return epoll_wait(call_with.epoll, &e, 1, (int)call_ms);
}

static long call_epoll_pwait(void)
{
	struct epoll_event e;
	sigset_t none;

	sigemptyset(&none);
	return epoll_pwait(call_with.epoll, &e, 1, (int)call_ms, &none);
}

static long call_recv_timeout(void)
{
	struct timeval t = {call_ms / 1000, call_ms % 1000 * 1000};
	char c;

	setsockopt(call_with.sockets[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	return recv(call_with.sockets[0], &c, 1, 0);
}

static long call_sigtimedwait(void)
{
	struct timespec t = call_time();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return sigtimedwait(&set, NULL, &t);
}

static long call_semtimedop(void)
{
	struct timespec t = call_time();
	struct sembuf op = {0, -1, 0};

	return semtimedop(call_with.semaphores, &op, 1, &t);
}

static struct call {
	const char *name;
	long (*make)(void);
	long want;
	int want_errno;
	bool timed;
	struct {
		pthread_t thread;
		pid_t tid;
		long got;
		int got_errno;
		uint64_t took_ms;
		uint32_t begun, ended;
	} is;
} calls[] = {
        {"read on a pipe", call_read_pipe, 1, 0, false, {0}},
        {"read on an eventfd", call_read_eventfd, 8, 0, false, {0}},
        {"accept", call_accept, 1, 0, false, {0}},
        {"sem_wait", call_sem_wait, 0, 0, false, {0}},
        {"pthread_mutex_lock", call_mutex_lock, 0, 0, false, {0}},
        {"pthread_mutex_timedlock", call_mutex_timedlock, ETIMEDOUT, 0, true, {0}},
        {"pthread_cond_timedwait", call_cond_timedwait, ETIMEDOUT, 0, true, {0}},
        {"nanosleep without a rest", call_nanosleep, 0, 0, true, {0}},
        {"usleep", call_usleep, 0, 0, true, {0}},
        {"sleep", call_sleep, 0, 0, true, {0}},
        {"sem_timedwait", call_sem_timedwait, -1, ETIMEDOUT, true, {0}},
        {"poll", call_poll, 0, 0, true, {0}},
        {"clock_nanosleep, absolute", call_clock_nanosleep, 0, 0, true, {0}},
        {"select", call_select, 0, 0, true, {0}},
        {"ppoll with a mask", call_ppoll, 0, 0, true, {0}},
        {"pause", call_pause, -1, EINTR, false, {0}},
        {"msgrcv", call_msgrcv, 1, 0, false, {0}},
        {"epoll_wait", call_epoll_wait, 0, 0, true, {0}},
        {"epoll_pwait with a mask", call_epoll_pwait, 0, 0, true, {0}},
        {"recv with SO_RCVTIMEO", call_recv_timeout, -1, EAGAIN, true, {0}},
        {"sigtimedwait", call_sigtimedwait, -1, EAGAIN, true, {0}},
        {"semtimedop", call_semtimedop, -1, EAGAIN, true, {0}},
};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))
/* Those that are made: [first, end). */
static size_t call_first, call_end = N_CALLS;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void *call_thread(void *arg)
{
	struct call *c = arg;
	uint64_t begin = now_ms();

	c->is.tid = (pid_t)syscall(SYS_gettid);
	__atomic_store_n(&c->is.begun, 1, __ATOMIC_RELEASE);
	errno = 0;
	c->is.got = c->make();
	c->is.got_errno = c->is.got == c->want && !c->want_errno ? 0 : errno;
	c->is.took_ms = now_ms() - begin;
	__atomic_store_n(&c->is.ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void calls_prepare(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(a);
	struct epoll_event e = {EPOLLIN, {0}};

	pipe(call_with.pipe);
	call_with.event = eventfd(0, 0);
	call_with.listener = socket(AF_INET, SOCK_STREAM, 0);
	bind(call_with.listener, (struct sockaddr *)&a, size);
	listen(call_with.listener, 1);
	getsockname(call_with.listener, (struct sockaddr *)&a, &size);
	call_with.port = a.sin_port;
	socketpair(AF_UNIX, SOCK_STREAM, 0, call_with.sockets);
	socketpair(AF_UNIX, SOCK_STREAM, 0, call_with.pair);
	call_with.epoll = epoll_create1(0);
	epoll_ctl(call_with.epoll, EPOLL_CTL_ADD, call_with.pair[0], &e);
	call_with.messages = msgget(IPC_PRIVATE, 0600);
	call_with.semaphores = semget(IPC_PRIVATE, 1, 0600);
	sem_init(&call_with.sem, 0, 0);
	pthread_mutex_init(&call_with.mutex, NULL);
	pthread_mutex_init(&call_with.timed_mutex, NULL);
	pthread_mutex_lock(&call_with.mutex);
	pthread_mutex_lock(&call_with.timed_mutex);
	signal(SIGUSR1, on_usr1);
	for (size_t i = call_first; i < call_end; i++)
		pthread_create(&calls[i].is.thread, NULL, call_thread, &calls[i]);
	for (size_t i = call_first; i < call_end; i++)
		while (!__atomic_load_n(&calls[i].is.begun, __ATOMIC_ACQUIRE))
			sched_yield();
}

/* What the calls without a timeout wait for. */
static void calls_finish(void)
{
	struct sockaddr_in a = {AF_INET, (in_port_t)call_with.port, {htonl(INADDR_LOOPBACK)}, {0}};
	struct {
		long type;
		char text[8];
	} m = {1, "x"};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	connect(fd, (struct sockaddr *)&a, sizeof(a));
	write(call_with.pipe[1], "x", 1);
	eventfd_write(call_with.event, 1);
	sem_post(&call_with.sem);
	pthread_mutex_unlock(&call_with.mutex);
	msgsnd(call_with.messages, &m, 1, 0);
	for (size_t i = call_first; i < call_end; i++) {
		while (calls[i].make == call_pause &&
		       !__atomic_load_n(&calls[i].is.ended, __ATOMIC_ACQUIRE)) {
			pthread_kill(calls[i].is.thread, SIGUSR1);
			usleep(10000);
		}
		pthread_join(calls[i].is.thread, NULL);
	}
	close(fd);
	msgctl(call_with.messages, IPC_RMID, NULL);
	semctl(call_with.semaphores, 0, IPC_RMID);
}

#endif
