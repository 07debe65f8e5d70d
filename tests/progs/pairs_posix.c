/* pairs_posix.c - ways to leave threads, timers and descriptors, and not to: see pairs.h. */
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "tests/progs/pairs.h"

static void shut(int fd)
{
	if (!bad)
		close(fd);
}

/* ---- threads ---- */

static void *nothing(void *arg)
{
	return arg;
}
CASE(unjoined)
{
	pthread_t thread;

	pthread_create(&thread, NULL, nothing, NULL);
	if (!bad)
		pthread_join(thread, NULL);
}
CASE(undetached)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	if (!bad)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_create(&thread, &attr, nothing, NULL);
	pthread_attr_destroy(&attr);
}
CASE(detached_late)
{
	pthread_t thread;

	pthread_create(&thread, NULL, nothing, NULL);
	if (!bad)
		pthread_detach(thread);
}
static int c11_nothing(void *arg)
{
	return arg != NULL;
}
CASE(c11_unjoined)
{
	thrd_t thread;

	thrd_create(&thread, c11_nothing, NULL);
	if (!bad)
		thrd_join(thread, NULL);
}
static struct pool {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
} g_pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
static void *pool_worker(void *arg)
{
	pthread_mutex_lock(&g_pool.lock);
	while (!g_pool.stop)
		pthread_cond_wait(&g_pool.wake, &g_pool.lock);
	pthread_mutex_unlock(&g_pool.lock);
	return arg;
}
CASE(pool_left_running)
{
	pthread_t thread[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, pool_worker, NULL);
	if (bad)
		return;
	pthread_mutex_lock(&g_pool.lock);
	g_pool.stop = true;
	pthread_cond_broadcast(&g_pool.wake);
	pthread_mutex_unlock(&g_pool.lock);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
}
static int g_pipe[2];
static void *blocked_reader(void *arg)
{
	char c;

	return read(g_pipe[0], &c, 1) == 1 ? arg : NULL;
}
CASE(reader_left_blocked)
{
	pthread_t thread;

	if (pipe(g_pipe))
		return;
	pthread_create(&thread, NULL, blocked_reader, NULL);
	if (bad)
		return;
	close(g_pipe[1]);
	pthread_join(thread, NULL);
	close(g_pipe[0]);
}

/* ---- timers ---- */

CASE(timer_undeleted)
{
	struct sigevent none = {.sigev_notify = SIGEV_NONE};
	timer_t timer;

	timer_create(CLOCK_MONOTONIC, &none, &timer);
	if (!bad)
		timer_delete(timer);
}
static void notified(union sigval v)
{
	(void)v;
}
CASE(timer_of_thread)
{
	struct sigevent thread = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified};
	const struct itimerspec often = {{3600, 0}, {3600, 0}};
	timer_t timer;

	timer_create(CLOCK_MONOTONIC, &thread, &timer);
	timer_settime(timer, 0, &often, NULL);
	if (!bad)
		timer_delete(timer);
}
CASE(itimer_left)
{
	const struct itimerval often = {{3600, 0}, {3600, 0}}, off = {{0, 0}, {0, 0}};

	setitimer(ITIMER_REAL, &often, NULL);
	if (!bad)
		setitimer(ITIMER_REAL, &off, NULL);
}
CASE(timerfd_left)
{
	const struct itimerspec often = {{3600, 0}, {3600, 0}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	timerfd_settime(fd, 0, &often, NULL);
	shut(fd);
}

/* ---- descriptors ---- */

CASE(open_left)
{
	shut(open("/dev/null", O_RDONLY | O_CLOEXEC));
}
CASE(dup_left)
{
	shut(dup(1));
}
CASE(dup2_left)
{
	shut(dup2(1, 100));
}
CASE(dupfd_left)
{
	shut(fcntl(1, F_DUPFD_CLOEXEC, 50));
}
CASE(pipe_end_left)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		return;
	close(fd[0]);
	shut(fd[1]);
}
CASE(socket_left)
{
	shut(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}
CASE(socketpair_left)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		return;
	shut(fd[0]);
	close(fd[1]);
}
CASE(accepted_left)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t n = sizeof(a);

	if (bind(listening, (struct sockaddr *)&a, n) || listen(listening, 5) ||
	    getsockname(listening, (struct sockaddr *)&a, &n))
		return;
	for (int i = 0; i < 3; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(client, (struct sockaddr *)&a, n))
			return;
		int fd = accept(listening, NULL, NULL);
		close(client);
		shut(fd);
	}
	close(listening);
}
CASE(passed_left)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 0;
	struct iovec io = {&byte, 1};
	struct msghdr m = {.msg_iov = &io,
	                   .msg_iovlen = 1,
	                   .msg_control = control.room,
	                   .msg_controllen = sizeof(control.room)};
	int pair[2], got = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &pair[0], sizeof(int));
	sendmsg(pair[0], &m, 0);
	if (recvmsg(pair[1], &m, 0) == 1)
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	close(pair[0]);
	close(pair[1]);
	shut(got);
}
CASE(fopen_left)
{
	FILE *volatile f = fopen("/dev/null", "r");

	if (!bad)
		fclose(f);
}
CASE(fdopen_left)
{
	FILE *volatile f = fdopen(open("/dev/null", O_RDONLY), "r");

	if (!bad)
		fclose(f);
}
CASE(popen_left)
{
	FILE *volatile f = popen("exit 0", "r");

	if (!bad)
		pclose(f);
}
CASE(opendir_left)
{
	DIR *volatile d = opendir("/proc/self");

	if (!bad)
		closedir(d);
}
CASE(fdopendir_left)
{
	DIR *volatile d = fdopendir(open("/proc/self", O_RDONLY | O_DIRECTORY));

	if (!bad)
		closedir(d);
}
CASE(mkstemp_left)
{
	char name[] = "/tmp/outlive-pair.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	shut(fd);
}
CASE(tmpfile_left)
{
	FILE *volatile f = tmpfile();

	if (!bad)
		fclose(f);
}
CASE(epoll_left)
{
	shut(epoll_create1(EPOLL_CLOEXEC));
}
CASE(eventfd_left)
{
	shut(eventfd(0, EFD_CLOEXEC));
}
CASE(signalfd_left)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	shut(signalfd(-1, &set, SFD_CLOEXEC));
}
CASE(inotify_left)
{
	shut(inotify_init1(IN_CLOEXEC));
}
CASE(memfd_left)
{
	shut(memfd_create("pair", MFD_CLOEXEC));
}
CASE(pty_left)
{
	shut(posix_openpt(O_RDWR | O_NOCTTY));
}
CASE(error_path_left)
{
	int fd = open("/dev/null", O_RDONLY);

	if (lseek(fd, 1, SEEK_SET) >= 0 && read(fd, &(char){0}, 1) == 0) {
		shut(fd); /* the end of the file, too early */
		return;
	}
	close(fd);
}

/* ---- processes ---- */

CASE(fork_child_left)
{
	pid_t child = fork();

	if (!child) {
		shut(open("/dev/null", O_RDONLY));
		exit(0);
	}
	waitpid(child, NULL, 0);
}
CASE(daemon_left)
{
	/* The suite waits for it: what goes on after the command nobody judges. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!fork()) {
		if (fork())
			exit(0);
		setsid();
		shut(open("/dev/null", O_RDONLY));
		exit(0);
	}
	while (wait(NULL) > 0)
		;
}

#define T(name)                       \
	{                             \
#name, "thread", name \
	}
#define M(name)                      \
	{                            \
#name, "timer", name \
	}
#define F(name)                   \
	{                         \
#name, "fd", name \
	}
int main(int argc, char **argv)
{
	static const struct pair pairs[] = {
	        T(unjoined),        T(undetached),        T(detached_late),
	        T(c11_unjoined),    T(pool_left_running), T(reader_left_blocked),
	        M(timer_undeleted), M(timer_of_thread),   M(itimer_left),
	        M(timerfd_left),    F(open_left),         F(dup_left),
	        F(dup2_left),       F(dupfd_left),        F(pipe_end_left),
	        F(socket_left),     F(socketpair_left),   F(accepted_left),
	        F(passed_left),     F(fopen_left),        F(fdopen_left),
	        F(popen_left),      F(opendir_left),      F(fdopendir_left),
	        F(mkstemp_left),    F(tmpfile_left),      F(epoll_left),
	        F(eventfd_left),    F(signalfd_left),     F(inotify_left),
	        F(memfd_left),      F(pty_left),          F(error_path_left),
	        F(fork_child_left), F(daemon_left),
	};

	return run_pairs(pairs, sizeof(pairs) / sizeof(*pairs), argc, argv);
}
