/*
 * What is unusual with descriptors, one hazard a mode. Prints the same with and without outlive
 * ("native" lines and errno), "<case> <number>", and takes snapshots labelled after the mode.
 */
#include "prog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "preload/outlive.h"

static const char *g_mode, *g_self;

/* By a path that no hook sees. */
static long raw(long n, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall"
	                 : "=a"(r)
	                 : "a"(n), "D"(a), "S"(b), "d"(c)
	                 : "rcx", "r11", "memory");
	return r;
}

static void show(const char *name, int fd)
{
	printf("%s %d\n", name, fd);
	fflush(stdout);
}

static void snapshot(void)
{
	outlive_snapshot(g_mode);
}

static FRAME int open_null(void)
{
	return open("/dev/null", O_RDONLY);
}

static FRAME int close_first(int fd)
{
	return close(fd);
}

static FRAME int close_again(int fd)
{
	int r = close(fd);

	__asm__ volatile("" ::: "memory");
	return r;
}

static void tell(const char *what, long result)
{
	printf("%s: %ld, %s\n", what, result, result < 0 ? strerror(errno) : "-");
	fflush(stdout);
}

/* ---- closes that are bad, and closes that only look so ---- */

static void double_close(void)
{
	int fd = open_null();

	tell("first", close_first(fd));
	tell("second", close_again(fd));
	snapshot();
}

/* The second close hits another's: that one's own close finds it closed. */
static void reopened(void)
{
	int fd = open_null();

	close_first(fd);
	int other = open_null();

	tell("same number", fd == other);
	tell("of the wrong one", close_first(other));
	tell("by its owner", close_again(other));
	snapshot();
}

static void foreign_close(void)
{
	FILE *f = fopen("/dev/null", "r");

	tell("of a stream", close_again(fileno(f)));
	tell("fclose", fclose(f));
	snapshot();
}

static FRAME int close_all(int from, int to)
{
	int failed = 0;

	for (int fd = from; fd < to; fd++)
		failed += close(fd) < 0;
	return failed;
}

static void use_some(void)
{
	int fds[20];

	for (int i = 0; i < 20; i++)
		fds[i] = open_null();
	for (int i = 0; i < 20; i++)
		close_first(fds[i]);
}

/* As daemons do. */
static void sweep(void)
{
	use_some();
	tell("closed all", close_all(3, 256));
	snapshot();
}

/* A loop over its own, twice. */
static void loop_twice(void)
{
	int fds[4];

	for (int i = 0; i < 4; i++)
		fds[i] = open_null();
	for (int twice = 0; twice < 2; twice++)
		tell("failed", close_all(fds[0], fds[0] + 4));
	snapshot();
}

static void child_sweep(void)
{
	FILE *f = fopen("/dev/null", "r");

	use_some();
	if (!fork()) {
		close(fileno(f));
		close_all(3, 64);
		snapshot();
		_exit(0);
	}
	wait(NULL);
	snapshot();
}

/* ---- paths that nobody sees ---- */

static FRAME void unseen(void)
{
	show("raw", (int)raw(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDONLY));
	snapshot();
}

static FRAME void vanished(void)
{
	int fd = open_null();

	raw(SYS_close, fd, 0, 0);
	snapshot();
}

/* The number is the same, what it names is not: at the second look and at the third. */
static FRAME void number_reused(void)
{
	int fd = open("/proc/self/status", O_RDONLY), of_socket = socket(AF_UNIX, SOCK_STREAM, 0);

	snapshot();
	raw(SYS_close, fd, 0, 0);
	raw(SYS_close, of_socket, 0, 0);
	tell("same number", raw(SYS_openat, AT_FDCWD, (long)"/proc/self/maps", O_RDONLY) == fd);
	tell("same number",
	     raw(SYS_openat, AT_FDCWD, (long)"/proc/self/stat", O_RDONLY) == of_socket);
	show("reused", fd);
	show("reused_socket", of_socket);
	snapshot();
	snapshot();
}

/* Closed unseen, opened again in view: one more was closed, none vanished. */
static FRAME void closed_unseen(void)
{
	for (int i = 0; i < 10; i++)
		raw(SYS_close, open_null(), 0, 0);
	show("last", open_null());
	snapshot();
}

/* ---- children ---- */

static FRAME int child_closes(void *arg)
{
	int *fds = arg;

	close(fds[0]);
	dup2(1, fds[1]);
	close_range((unsigned)fds[2], ~0u, 0);
	open_null();
	fcntl(1, F_DUPFD, 100);
	return 0;
}

static void three(int fds[3])
{
	for (int i = 0; i < 3; i++)
		show("kept", fds[i] = open_null());
}

static void by_vfork(void)
{
	int fds[3];

	three(fds);
	pid_t pid = vfork();

	if (!pid) {
		child_closes(fds);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	snapshot();
}

pid_t __vfork(void) __attribute__((returns_twice));

static void by_old_vfork(void)
{
	int fds[3];

	three(fds);
	pid_t pid = __vfork();

	if (!pid) {
		child_closes(fds);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	snapshot();
}

static void by_clone(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int fds[3];

	three(fds);
	pid_t pid =
	        clone(child_closes, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, fds);

	waitpid(pid, NULL, 0);
	snapshot();
}

static void by_fork(void)
{
	int fds[3];

	three(fds);
	fflush(stdout);
	if (!fork()) {
		close(fds[0]);
		show("own", open_null());
		outlive_snapshot("child");
		_exit(0);
	}
	wait(NULL);
	snapshot();
}

static void by_exec(void)
{
	int fds[3];

	three(fds);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	execl(g_self, g_self, "after_exec", NULL);
}

static void after_exec(void)
{
	show("new", open_null());
	snapshot();
}

/* ---- dup ---- */

static FRAME void dups(void)
{
	int fd = open_null();

	tell("onto itself", dup2(fd, fd) - fd);
	tell("dup3 onto itself", dup3(fd, fd, 0));
	tell("of a closed one", dup2(200, fd));
	tell("onto a bad one", dup2(fd, -1));
	tell("onto one that is too large", dup2(fd, 1 << 30));
	show("untouched", fd);
	int over = open_null();

	tell("over an open one", dup2(fd, over) - over);
	show("replaced", over);
	snapshot();
}

/* ---- failures, and NULL where libc takes it ---- */

static void failures(void)
{
	int bad[2];

	errno = 0;
	tell("open", open("/nowhere/at/all", O_RDONLY));
	tell("openat", openat(99, "x", O_RDONLY));
	tell("close", close(99));
	tell("close -1", close(-1));
	tell("dup", dup(99));
	tell("fcntl", fcntl(99, F_DUPFD, 0));
	tell("socket", socket(99, 99, 99));
	tell("socketpair", socketpair(AF_INET, SOCK_STREAM, 0, bad));
	tell("accept", accept(1, NULL, NULL));
	tell("pipe2", pipe2(bad, 0x7fff));
	tell("close_range", close_range(5, 4, 0));
	tell("syscall", syscall(SYS_openat, AT_FDCWD, "/nowhere", O_RDONLY));
	tell("syscall close", syscall(SYS_close, 99));
	tell("syscall getpid", syscall(SYS_getpid) == getpid());
	tell("fopen", fopen("/nowhere/at/all", "r") ? 0 : -1);
	tell("opendir", opendir("/nowhere/at/all") ? 0 : -1);
	tell("closedir of NULL", closedir(*(DIR *volatile *)&(DIR *){NULL}));
	tell("endmntent of NULL", endmntent(NULL));
	errno = 77;
	close(open_null());
	fclose(fopen("/dev/null", "r"));
	printf("errno is left alone: %d\n", errno);
	snapshot();
}

/* The stream's number is free again, and another's by the time the call returns. */
static void freopen_fails(void)
{
	FILE *f = fopen("/dev/null", "r");
	int fd = fileno(f);

	tell("freopen", freopen("/nowhere/at/all", "r", f) ? 0 : -1);
	tell("closed", fcntl(fd, F_GETFD));
	show("again", open_null());
	snapshot();
}

/* fclose ends a pipe of popen as well, and leaves the child to whoever waits for it. */
static FRAME void popen_fclose(void)
{
	FILE *f = popen("exit 3", "r");
	int (*volatile close_stream)(FILE *) = fclose; /* the compiler knows better */
	int fd = fileno(f), status = 0;

	tell("fclose", close_stream(f));
	wait(&status);
	tell("its child", WEXITSTATUS(status));
	tell("closed", fcntl(fd, F_GETFD));
	snapshot();
}

/* ---- many at a time ---- */

static volatile sig_atomic_t g_handled;

static void handler(int sig)
{
	int was = errno, p[2];

	(void)sig;
	close(open("/dev/null", O_RDONLY));
	if (!pipe(p)) {
		close(dup(p[0]));
		close(p[0]);
		close(p[1]);
	}
	g_handled++;
	errno = was;
}

/* A handler may interrupt malloc, the tracker, and another such call. */
static void in_handler(void)
{
	struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART};
	struct itimerval every = {{0, 200}, {0, 200}}, never = {0};

	sigaction(SIGPROF, &a, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
	while (g_handled < 500) {
		for (int i = 0; i < 100; i++) {
			void *p = malloc(10 + (size_t)i);

			prog_sink = p;
			free(p);
		}
		close(open("/dev/null", O_RDONLY));
	}
	setitimer(ITIMER_PROF, &never, NULL);
	snapshot();
}

static void *open_and_close(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3000; i++) {
		int p[2], fd = open("/dev/null", O_RDONLY);

		if (pipe(p))
			break;
		dup2(fd, p[0]);
		FILE *f = fdopen(p[1], "w");
		close(fd);
		fclose(f);
		close(p[0]);
	}
	return NULL;
}

static void in_threads(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, open_and_close, NULL);
	for (int i = 0; i < 20; i++) {
		snapshot();
		usleep(1000);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	snapshot();
}

static FRAME void many(void)
{
	struct rlimit l = {(1 << 17) + 64, (1 << 17) + 64};
	int n = 0, spare = 16; /* the writer's own */

	if (setrlimit(RLIMIT_NOFILE, &l)) {
		getrlimit(RLIMIT_NOFILE, &l);
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
	while (n < 1 << 17 && open_null() >= 0)
		n++;
	for (int i = 0; n + 3 >= (int)l.rlim_cur - spare && i < spare; i++)
		close_first(n-- + 2);
	show("opened", n);
	snapshot();
	for (int fd = 3; fd < n; fd++)
		close_first(fd);
	snapshot();
}

/* No more to be had: for the writer either. hard: nor can the limit be raised. */
static FRAME void full(int hard)
{
	struct rlimit l;

	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = 40;
	if (hard)
		l.rlim_max = 40;
	setrlimit(RLIMIT_NOFILE, &l);
	while (open_null() >= 0)
		;
	tell("no more", -1);
	snapshot();
}

static void full_soft(void)
{
	full(0);
}

static void full_hard(void)
{
	full(1);
}

static void *in_accept(void *arg)
{
	int *cleaned = arg;

	pthread_cleanup_push((void (*)(void *))(void *)close_first, (void *)(intptr_t)-1);
	*cleaned = 1;
	accept(*(cleaned + 1), NULL, NULL);
	pthread_cleanup_pop(1);
	return NULL;
}

/* A frame of ours must not stop the unwinding that cancels. */
static void cancelled(void)
{
	int state[2] = {0, socket(AF_UNIX, SOCK_STREAM, 0)};
	void *result = NULL;
	pthread_t t;

	/* autobind */
	struct sockaddr a = {.sa_family = AF_UNIX};
	tell("bind", bind(state[1], &a, sizeof(a.sa_family)));
	tell("listen", listen(state[1], 1));
	pthread_create(&t, NULL, in_accept, state);
	while (!*(volatile int *)&state[0])
		usleep(1000);
	usleep(20000);
	pthread_cancel(t);
	pthread_join(t, &result);
	tell("cancelled", result == PTHREAD_CANCELED);
	snapshot();
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
        {"double_close", double_close},
        {"reopened", reopened},
        {"foreign_close", foreign_close},
        {"sweep", sweep},
        {"loop_twice", loop_twice},
        {"child_sweep", child_sweep},
        {"unseen", unseen},
        {"vanished", vanished},
        {"number_reused", number_reused},
        {"closed_unseen", closed_unseen},
        {"by_vfork", by_vfork},
        {"by_old_vfork", by_old_vfork},
        {"by_clone", by_clone},
        {"by_fork", by_fork},
        {"by_exec", by_exec},
        {"after_exec", after_exec},
        {"dups", dups},
        {"failures", failures},
        {"freopen_fails", freopen_fails},
        {"popen_fclose", popen_fclose},
        {"in_handler", in_handler},
        {"in_threads", in_threads},
        {"many", many},
        {"full_soft", full_soft},
        {"full_hard", full_hard},
        {"cancelled", cancelled},
};

int main(int argc, char **argv)
{
	g_self = argv[0];
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name)) {
			g_mode = argv[1];
			/* what our caller may have left open */
			if (modes[i].run != after_exec)
				closefrom(3);
			modes[i].run();
			return 0;
		}
	return 2;
}
