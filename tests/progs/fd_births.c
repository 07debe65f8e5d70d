/*
 * Opens descriptors in every way there is, each in a function of its own, named case_<how>; prints
 * "<how> <number>" for each, and "listed <number>" for all that /proc lists; takes a snapshot; then
 * closes each in the way that belongs to it, lists again and takes another.
 */
#include "prog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <mntent.h>
#include <mqueue.h>
#include <pty.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "preload/outlive.h"

int __open_2(const char *, int);
int __open64_2(const char *, int);
int __openat_2(int, const char *, int);
int __openat64_2(int, const char *, int);
int getpt(void);
int pidfd_open(pid_t, unsigned);
int pidfd_getfd(int, int, unsigned);

static FILE *g_stream[32];
static int g_streams;
static DIR *g_folder[2];
static int g_second; /* of a pair */

static int of(FILE *f)
{
	g_stream[g_streams++] = f;
	return f ? fileno(f) : -1;
}

/* There is no function for it. It may be forbidden. */
static inline __attribute__((always_inline)) int perf_event(void)
{
	struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE,
	                            .size = sizeof(a),
	                            .config = PERF_COUNT_SW_CPU_CLOCK,
	                            .exclude_kernel = 1};

	return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

#define CASE(name, expression)                     \
	static FRAME int case_##name(void)         \
	{                                          \
		int fd = expression;               \
		__asm__ volatile("" ::: "memory"); \
		return fd;                         \
	}
#define FILE_NAME "fd_births.file"

static char g_t1[] = "fdXXXXXX", g_t2[] = "fdXXXXXX", g_t3[] = "fdXXXXXX", g_t4[] = "fdXXXXXX",
            g_t5[] = "fdXXXXXX.c", g_t6[] = "fdXXXXXX.c", g_t7[] = "fdXXXXXX.c",
            g_t8[] = "fdXXXXXX.c";

CASE(open, open(FILE_NAME, O_CREAT | O_RDWR, 0600))
CASE(open64, open64(FILE_NAME, O_RDWR | O_CLOEXEC))
CASE(openat, openat(AT_FDCWD, FILE_NAME, O_CREAT | O_RDWR, 0600))
CASE(openat64, openat64(AT_FDCWD, FILE_NAME, O_RDONLY))
CASE(open_2, __open_2(FILE_NAME, O_RDONLY))
CASE(open64_2, __open64_2(FILE_NAME, O_RDONLY))
CASE(openat_2, __openat_2(AT_FDCWD, FILE_NAME, O_RDONLY))
CASE(openat64_2, __openat64_2(AT_FDCWD, FILE_NAME, O_RDONLY))
CASE(o_tmpfile, open(".", O_TMPFILE | O_RDWR, 0600))
CASE(creat, creat("fd_births.creat", 0600))
CASE(creat64, creat64("fd_births.creat", 0600))
CASE(mkstemp, mkstemp(g_t1))
CASE(mkstemp64, mkstemp64(g_t2))
CASE(mkostemp, mkostemp(g_t3, O_CLOEXEC))
CASE(mkostemp64, mkostemp64(g_t4, 0))
CASE(mkstemps, mkstemps(g_t5, 2))
CASE(mkstemps64, mkstemps64(g_t6, 2))
CASE(mkostemps, mkostemps(g_t7, 2, 0))
CASE(mkostemps64, mkostemps64(g_t8, 2, 0))
CASE(shm_open, shm_open("/outlive-test-shm", O_CREAT | O_RDWR, 0600))
CASE(memfd_create, memfd_create("births", MFD_CLOEXEC))
CASE(posix_openpt, posix_openpt(O_RDWR))
CASE(getpt, getpt())
CASE(socket, socket(AF_INET, SOCK_STREAM, 0))
CASE(epoll_create, epoll_create(1))
CASE(epoll_create1, epoll_create1(EPOLL_CLOEXEC))
CASE(eventfd, eventfd(0, 0))
CASE(inotify_init, inotify_init())
CASE(inotify_init1, inotify_init1(IN_CLOEXEC))
CASE(fanotify_init, fanotify_init(FAN_CLASS_NOTIF, O_RDONLY))
CASE(timerfd_create, timerfd_create(CLOCK_MONOTONIC, 0))
CASE(pidfd_open, pidfd_open(getpid(), 0))
CASE(pidfd_getfd, pidfd_getfd(case_pidfd_open(), 1, 0))
CASE(mq_open, mq_open("/outlive-test-mq", O_CREAT | O_RDWR, 0600, NULL))
CASE(dup, dup(1))
CASE(fcntl_dup, fcntl(1, F_DUPFD, 60))
CASE(fcntl64_dup, fcntl64(1, F_DUPFD, 60))
CASE(fcntl_dup_cloexec, fcntl(1, F_DUPFD_CLOEXEC, 60))
CASE(dup2, dup2(1, 70))
CASE(dup3, dup3(1, 71, O_CLOEXEC))
CASE(fopen, of(fopen(FILE_NAME, "r")))
CASE(fopen64, of(fopen64(FILE_NAME, "r")))
CASE(tmpfile, of(tmpfile()))
CASE(tmpfile64, of(tmpfile64()))
CASE(popen, of(popen("cat > /dev/null", "w")))
CASE(setmntent, of(setmntent("/proc/self/mounts", "r")))
CASE(opendir, dirfd(g_folder[0] = opendir(".")))
CASE(syscall_open, (int)syscall(SYS_openat, AT_FDCWD, FILE_NAME, O_RDONLY))
CASE(syscall_memfd, (int)syscall(SYS_memfd_create, "births", 0))
CASE(syscall_dup, (int)syscall(SYS_dup, 1))
CASE(syscall_eventfd, (int)syscall(SYS_eventfd2, 0, 0))
CASE(syscall_perf, perf_event())

static FRAME int case_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	int fd = signalfd(-1, &set, 0);

	/* changed, not made */
	return signalfd(fd, &set, 0);
}

static FRAME int case_fdopen(void)
{
	return of(fdopen(open(FILE_NAME, O_RDONLY), "r"));
}

static FRAME int case_fdopendir(void)
{
	return dirfd(g_folder[1] = fdopendir(open(".", O_RDONLY | O_DIRECTORY)));
}

static FRAME int case_freopen(void)
{
	return of(freopen(FILE_NAME, "r+", fopen("/dev/null", "r")));
}

static FRAME int case_freopen64(void)
{
	return of(freopen64(FILE_NAME, "r+", fopen("/dev/null", "r")));
}

static FRAME int case_freopen_mode(void)
{
	return of(freopen(NULL, "r", fopen(FILE_NAME, "r+")));
}

#define PAIR(name, call)                   \
	static FRAME int case_##name(void) \
	{                                  \
		int p[2] = {-1, -1};       \
                                           \
		if (call)                  \
			return -1;         \
		g_second = p[1];           \
		return p[0];               \
	}
PAIR(pipe, pipe(p))
PAIR(pipe2, pipe2(p, O_CLOEXEC))
PAIR(socketpair, socketpair(AF_UNIX, SOCK_STREAM, 0, p))
PAIR(openpty, openpty(&p[0], &p[1], NULL, NULL, NULL))
PAIR(syscall_pipe, syscall(SYS_pipe2, p, 0))

static FRAME int case_forkpty(void)
{
	int master = -1;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	if (!pid)
		_exit(0);
	return master;
}

static int g_listener, g_clients[2];

static int listener(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	memcpy(a.sun_path, "\0outlive-births", 15);
	int length = snprintf(a.sun_path + 15, 20, "%d", getpid());
	socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 15 + (size_t)length);

	g_listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(g_listener, (struct sockaddr *)&a, n) || listen(g_listener, 8))
		return -1;
	for (int i = 0; i < 2; i++) {
		g_clients[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(g_clients[i], (struct sockaddr *)&a, n))
			return -1;
	}
	return g_listener;
}

CASE(accept, accept(g_listener, NULL, NULL))
CASE(accept4, accept4(g_listener, NULL, NULL, SOCK_CLOEXEC))

/* Sends two descriptors to ourselves. */
static void send_two(int to)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = {0}, byte = 'x';
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
	                   .msg_iovlen = 1,
	                   .msg_control = control,
	                   .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fds[2] = {0, 1};

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	sendmsg(to, &m, 0);
}

static int g_received[2];

static FRAME int case_recvmsg(int from)
{
	char control[CMSG_SPACE(2 * sizeof(int))], byte;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
	                   .msg_iovlen = 1,
	                   .msg_control = control,
	                   .msg_controllen = sizeof(control)};

	if (recvmsg(from, &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
		return -1;
	memcpy(g_received, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(g_received));
	return g_received[0];
}

static FRAME int case_recvmmsg(int from)
{
	static char control[2][CMSG_SPACE(2 * sizeof(int))], byte[2];
	struct iovec v[2] = {{&byte[0], 1}, {&byte[1], 1}};
	struct mmsghdr m[2] = {0};

	for (int i = 0; i < 2; i++)
		m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i],
		                               .msg_iovlen = 1,
		                               .msg_control = control[i],
		                               .msg_controllen = sizeof(control[i])};
	if (recvmmsg(from, m, 2, 0, NULL) != 2)
		return -1;
	/* the second message's second */
	memcpy(g_received, CMSG_DATA(CMSG_FIRSTHDR(&m[1].msg_hdr)), sizeof(g_received));
	return g_received[1];
}

static void show(const char *name, int fd)
{
	printf("%s %d\n", name, fd);
}

static void list_open(void)
{
	DIR *d = opendir("/proc/self/fd");

	for (struct dirent *e; d && (e = readdir(d));)
		if (atoi(e->d_name) != dirfd(d) && e->d_name[0] != '.')
			printf("listed %s\n", e->d_name);
	if (d)
		closedir(d);
	fflush(stdout);
}

#define SHOW(name) show(#name, case_##name())
#define SHOW_PAIR(name)                     \
	do {                                \
		SHOW(name);                 \
		show(#name "_2", g_second); \
	} while (0)

static void files(void)
{
	SHOW(open), SHOW(open64), SHOW(openat), SHOW(openat64);
	SHOW(open_2), SHOW(open64_2), SHOW(openat_2), SHOW(openat64_2);
	SHOW(o_tmpfile), SHOW(creat), SHOW(creat64);
	SHOW(mkstemp), SHOW(mkstemp64), SHOW(mkostemp), SHOW(mkostemp64);
	SHOW(mkstemps), SHOW(mkstemps64), SHOW(mkostemps), SHOW(mkostemps64);
	SHOW(fopen), SHOW(fopen64), SHOW(tmpfile), SHOW(tmpfile64), SHOW(popen), SHOW(setmntent);
	SHOW(fdopen), SHOW(freopen), SHOW(freopen64), SHOW(freopen_mode);
	SHOW(opendir), SHOW(fdopendir);
}

static void others(void)
{
	int pair[2], many[2];

	SHOW(shm_open), SHOW(memfd_create), SHOW(posix_openpt), SHOW(getpt), SHOW(mq_open);
	SHOW(socket), SHOW(epoll_create), SHOW(epoll_create1), SHOW(eventfd), SHOW(signalfd);
	SHOW(inotify_init), SHOW(inotify_init1), SHOW(fanotify_init), SHOW(timerfd_create);
	SHOW(pidfd_open), SHOW(pidfd_getfd);
	SHOW(dup), SHOW(fcntl_dup), SHOW(fcntl64_dup), SHOW(fcntl_dup_cloexec), SHOW(dup2),
	        SHOW(dup3);
	SHOW(syscall_open), SHOW(syscall_memfd), SHOW(syscall_dup);
	SHOW(syscall_eventfd), SHOW(syscall_perf);
	SHOW_PAIR(pipe);
	SHOW_PAIR(pipe2);
	SHOW_PAIR(socketpair);
	SHOW_PAIR(openpty);
	SHOW_PAIR(syscall_pipe);
	SHOW(forkpty);
	if (listener() >= 0)
		SHOW(accept), SHOW(accept4);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	send_two(pair[0]);
	show("recvmsg", case_recvmsg(pair[1]));
	socketpair(AF_UNIX, SOCK_DGRAM, 0, many);
	send_two(many[0]), send_two(many[0]);
	show("recvmmsg", case_recvmmsg(many[1]));
}

/* By what made them, so that each death is seen. */
static void give_back(void)
{
	for (int i = 0; i < g_streams; i++) {
		/* Cases in the order of files(): the fifth was popen's, the sixth setmntent's. */
		if (i == 4)
			pclose(g_stream[i]);
		else if (i == 5)
			endmntent(g_stream[i]);
		else if (g_stream[i])
			fclose(g_stream[i]);
	}
	closedir(g_folder[0]);
	closedir(g_folder[1]);
	close(3);
	close_range(4, 20, 0);
	for (int fd = 21; fd < 40; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			close(fd);
	close_range(40, 45, CLOSE_RANGE_CLOEXEC);
	closefrom(40);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	/* what our caller may have left open */
	closefrom(3);
	files();
	others();
	list_open();
	if (outlive_snapshot("open"))
		puts("no snapshot");
	shm_unlink("/outlive-test-shm");
	mq_unlink("/outlive-test-mq");
	give_back();
	puts("now closed");
	list_open();
	outlive_snapshot("closed");
	return 0;
}
