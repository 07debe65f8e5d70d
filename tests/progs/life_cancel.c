/*
 * life_cancel.c - each hooked function that is a cancellation point, cancelled in it: the handlers
 * run exactly as they do without a profiler before them. Functions that wait do so for ever, others
 * are called again and again. Prints a line for each; with the argument "names" only what they are.
 */
#include <dirent.h>
#include <mntent.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <threads.h>
#include <time.h>

#include "prog.h"

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);
int __sigsuspend(const sigset_t *set);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *set,
                size_t known);

#define FIFO        "life_cancel.fifo"
#define FILE_LOCKED "life_cancel.locked"

static sem_t g_never, g_there;
static int g_pair[2], g_listening, g_epoll, g_holder, g_waiter;
static atomic_int g_cleaned;
static sigset_t g_some;
static const struct timespec FAR = {.tv_sec = INT32_MAX};

static void *for_ever(void *arg)
{
	sem_wait(&g_never);
	return arg;
}

static int for_ever_c11(void *arg)
{
	sem_wait(arg);
	return 0;
}

static pthread_t sleeper(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, for_ever, NULL))
		abort();
	return t;
}

static void join_c11(void)
{
	thrd_t t;

	if (thrd_create(&t, for_ever_c11, &g_never) != thrd_success)
		abort();
	thrd_join(t, NULL);
}

static struct flock whole(void)
{
	return (struct flock){.l_type = F_WRLCK};
}

static void receive_many(void)
{
	char c;
	struct iovec v = {&c, 1};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};

	recvmmsg(g_pair[0], &m, 1, 0, NULL);
}

static void receive(void)
{
	char c;
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	recvmsg(g_pair[0], &m, 0);
}

static void poll_some(void)
{
	struct pollfd p = {.fd = g_pair[0], .events = POLLIN};

	ppoll(&p, 1, NULL, NULL);
}

static void poll_checked(void)
{
	struct pollfd p = {.fd = g_pair[0], .events = POLLIN};

	__ppoll_chk(&p, 1, NULL, NULL, sizeof(p));
}

static void select_some(void)
{
	fd_set s;

	FD_ZERO(&s);
	FD_SET(g_pair[0], &s);
	pselect(g_pair[0] + 1, &s, NULL, NULL, NULL, NULL);
}

static void temporary(void)
{
	char name[] = "life_cancel.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	close(fd);
}

/* WAITS: one call, which does not return. AGAIN: until a request is acted on. EVER: POSIX allows
 * it, libc does not do it: the request is acted on between two calls. */
#define POINTS(WAITS, AGAIN, EVER)                                                                \
	WAITS(open, open(FIFO, O_RDONLY))                                                         \
	WAITS(open64, open64(FIFO, O_RDONLY))                                                     \
	WAITS(openat, openat(AT_FDCWD, FIFO, O_RDONLY))                                           \
	WAITS(openat64, openat64(AT_FDCWD, FIFO, O_RDONLY))                                       \
	WAITS(__open_2, __open_2(FIFO, O_RDONLY))                                                 \
	WAITS(__open64_2, __open64_2(FIFO, O_RDONLY))                                             \
	WAITS(__openat_2, __openat_2(AT_FDCWD, FIFO, O_RDONLY))                                   \
	WAITS(__openat64_2, __openat64_2(AT_FDCWD, FIFO, O_RDONLY))                               \
	WAITS(creat, creat(FIFO, 0600))                                                           \
	WAITS(creat64, creat64(FIFO, 0600))                                                       \
	WAITS(fopen, fopen(FIFO, "r"))                                                            \
	WAITS(fopen64, fopen64(FIFO, "r"))                                                        \
	AGAIN(close, close(dup(g_pair[0])))                                                       \
	WAITS(fcntl, fcntl(g_waiter, F_OFD_SETLKW, &(struct flock){.l_type = F_WRLCK}))           \
	WAITS(fcntl64, fcntl64(g_waiter, F_OFD_SETLKW, &(struct flock){.l_type = F_WRLCK}))       \
	WAITS(accept, accept(g_listening, NULL, NULL))                                            \
	WAITS(accept4, accept4(g_listening, NULL, NULL, SOCK_CLOEXEC))                            \
	WAITS(recvmsg, receive())                                                                 \
	WAITS(recvmmsg, receive_many())                                                           \
	WAITS(ppoll, poll_some())                                                                 \
	WAITS(__ppoll_chk, poll_checked())                                                        \
	WAITS(pselect, select_some())                                                             \
	WAITS(epoll_pwait, epoll_pwait(g_epoll, &(struct epoll_event){0}, 1, -1, NULL))           \
	WAITS(epoll_pwait2, epoll_pwait2(g_epoll, &(struct epoll_event){0}, 1, NULL, NULL))       \
	WAITS(sigsuspend, sigsuspend(&g_some))                                                    \
	WAITS(__sigsuspend, __sigsuspend(&g_some))                                                \
	WAITS(sigwait, sigwait(&g_some, &(int){0}))                                               \
	WAITS(sigwaitinfo, sigwaitinfo(&g_some, NULL))                                            \
	WAITS(sigtimedwait, sigtimedwait(&g_some, NULL, &(struct timespec){.tv_sec = 1000}))      \
	WAITS(pthread_join, pthread_join(sleeper(), NULL))                                        \
	WAITS(pthread_timedjoin_np, pthread_timedjoin_np(sleeper(), NULL, &FAR))                  \
	WAITS(pthread_clockjoin_np, pthread_clockjoin_np(sleeper(), NULL, CLOCK_MONOTONIC, &FAR)) \
	WAITS(thrd_join, join_c11())                                                              \
	AGAIN(fclose, fclose(fopen("/dev/null", "r")))                                            \
	AGAIN(freopen, freopen("/dev/null", "r", stdin))                                          \
	AGAIN(freopen64, freopen64("/dev/null", "r", stdin))                                      \
	AGAIN(tmpfile, fclose(tmpfile()))                                                         \
	AGAIN(tmpfile64, fclose(tmpfile64()))                                                     \
	AGAIN(mkstemp, temporary())                                                               \
	EVER(popen, pclose(popen("true", "r")))                                                   \
	EVER(opendir, closedir(opendir(".")))                                                     \
	EVER(setmntent, endmntent(setmntent("/proc/mounts", "r")))                                \
	EVER(getpwent, (getpwent(), endpwent()))                                                  \
	EVER(syslog, syslog(LOG_DEBUG, "x"))

#define WAITS(name, call)           \
	static void in_##name(void) \
	{                           \
		(void)(call);       \
	}
#define AGAIN(name, call)           \
	static void in_##name(void) \
	{                           \
		for (;;)            \
			call;       \
	}
#define EVER(name, call)                      \
	static void in_##name(void)           \
	{                                     \
		for (;;) {                    \
			call;                 \
			pthread_testcancel(); \
		}                             \
	}
POINTS(WAITS, AGAIN, EVER)
#undef WAITS
#undef AGAIN
#undef EVER

#define ROW(name, call) {#name, in_##name},
static const struct point {
	const char *name;
	void (*enter)(void);
} POINT[] = {POINTS(ROW, ROW, ROW)};

static void cleaned(void *p)
{
	free(p);
	g_cleaned++;
}

static void *at_point(void *arg)
{
	const struct point *p = arg;
	void *block = malloc(777);

	pthread_cleanup_push(cleaned, block);
	sem_post(&g_there);
	p->enter();
	pthread_cleanup_pop(1);
	return NULL;
}

static void prepare(void)
{
	struct sockaddr any = {.sa_family = AF_UNIX};
	struct flock lock = whole();

	g_listening = socket(AF_UNIX, SOCK_STREAM, 0);
	g_epoll = epoll_create1(EPOLL_CLOEXEC);
	g_holder = open(FILE_LOCKED, O_RDWR | O_CREAT, 0600);
	g_waiter = open(FILE_LOCKED, O_RDWR);
	unlink(FIFO);
	sigemptyset(&g_some);
	sigaddset(&g_some, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &g_some, NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, g_pair) || mkfifo(FIFO, 0600) ||
	    bind(g_listening, &any, sizeof(sa_family_t)) || listen(g_listening, 1) ||
	    fcntl(g_holder, F_OFD_SETLK, &lock))
		abort();
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(POINT) / sizeof(*POINT); i++)
		puts(POINT[i].name);
	if (argc > 1)
		return argv[1][0] != 'n';
	prepare();
	for (size_t i = 0; i < sizeof(POINT) / sizeof(*POINT); i++) {
		void *result = NULL;
		pthread_t t;

		g_cleaned = 0;
		if (pthread_create(&t, NULL, at_point, (void *)&POINT[i]))
			abort();
		sem_wait(&g_there);
		/* Before, in or after the wait's begin: all must do. */
		usleep((useconds_t)(i % 3) * 1000);
		pthread_cancel(t);
		pthread_join(t, &result);
		printf("%s: %d handlers, %s\n", POINT[i].name, g_cleaned,
		       result == PTHREAD_CANCELED ? "cancelled" : "NOT CANCELLED");
	}
	return 0;
}
