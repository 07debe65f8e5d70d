/* Makes processes in the way that its argument says. The parent keeps 3 blocks, each child 2 more.
 */
#include "prog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;
static const char *g_self;

static void keep(int n)
{
	for (int i = 0; i < n; i++)
		prog_sink = malloc(1000);
}

static int ended(pid_t pid)
{
	int status = -1;

	if (waitpid(pid, &status, 0) != pid)
		return 99;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Each image goes on to the next by another function; the last exits with 9. */
static void exec_next(int step)
{
	char next[16];

	snprintf(next, sizeof(next), "%d", step + 1);
	char *argv[] = {(char *)g_self, "chain", next, NULL};
	switch (step) {
	case 0:
		execve(g_self, argv, environ);
	case 1:
		execv(g_self, argv);
	case 2:
		execvp(g_self, argv);
	case 3:
		execvpe(g_self, argv, environ);
	case 4:
		execl(g_self, g_self, "chain", next, NULL);
	case 5:
		execle(g_self, g_self, "chain", next, NULL, environ);
	case 6:
		execlp(g_self, g_self, "chain", next, NULL);
	case 7:
		fexecve(open(g_self, O_RDONLY | O_CLOEXEC), argv, environ);
	case 8:
		execveat(AT_FDCWD, g_self, argv, environ, 0);
	}
	exit(9);
}

static int exec_fails(void)
{
	char *argv[] = {"x", NULL};
	int bad = 0;

	bad += execve("/nowhere/x", argv, environ) != -1 || errno != ENOENT;
	bad += execvp("no-such-command-here", argv) != -1 || errno != ENOENT;
	bad += execlp("no-such-command-here", "x", NULL) != -1 || errno != ENOENT;
	bad += execv("/etc/passwd", argv) != -1 || errno != EACCES;
	bad += execl("/", "x", NULL) != -1 || errno != EACCES;
	bad += fexecve(-1, argv, environ) != -1 || errno != EINVAL;
	bad += execveat(-1, "x", argv, environ, 0) != -1 || errno != EBADF;
	return bad;
}

static int forked(pid_t pid, int wait)
{
	if (!pid) {
		keep(2);
		exit(5);
	}
	return wait ? ended(pid) : 0;
}

static int vforked(void)
{
	char *argv[] = {"true", NULL};
	pid_t pid = vfork();

	if (!pid) {
		signal(SIGPIPE, SIG_DFL);
		signal(SIGTERM, SIG_IGN);
		prog_sink = malloc(1000); /* shared: the parent's */
		execve("/nowhere/true", argv, environ);
		execv("/bin/true", argv);
		_exit(1);
	}
	int first = ended(pid);
	pid = vfork();
	if (!pid)
		_exit(6);
	return first * 10 + ended(pid);
}

static int spawned(void)
{
	char *argv[] = {"true", NULL};
	pid_t pid;

	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ))
		return 98;
	return ended(pid) + system("exit 7") / 256;
}

static int fork_exec(int blocks)
{
	char *argv[] = {"true", NULL};
	pid_t pid = fork();

	if (!pid) {
		for (int i = 0; i < blocks; i++)
			free(malloc(10));
		execv("/bin/true", argv);
		_exit(1);
	}
	return ended(pid);
}

static volatile int g_stop;

static void *hammer(void *arg)
{
	while (!g_stop)
		for (int i = 0; i < 100; i++)
			free(malloc((size_t)i * 8));
	return arg;
}

/* Children of a process whose threads are all in the allocator, and in us. */
static int storm(int n, int threads)
{
	pthread_t t[8];
	int bad = 0;

	for (int i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, hammer, NULL);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			for (int k = 0; k < 1000; k++)
				free(malloc((size_t)k));
			if (threads > 4 && i % 8)
				_exit(0);
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		bad += ended(pid) != 0;
	}
	g_stop = 1;
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	return bad;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	int status = 97;

	g_self = "/proc/self/exe";
	keep(3);
	if (!strcmp(how, "chain")) {
		exec_next(argc > 2 ? atoi(argv[2]) : 0);
	} else if (!strcmp(how, "exec-fails")) {
		status = exec_fails();
	} else if (!strcmp(how, "fork")) {
		status = forked(fork(), 1);
	} else if (!strcmp(how, "_Fork")) {
		pid_t (*plain)(void) = _Fork;

		status = forked(plain(), 1);
	} else if (!strcmp(how, "raw-fork")) {
		status = forked((pid_t)syscall(SYS_fork), 1);
	} else if (!strcmp(how, "fork-killed")) {
		pid_t pid = fork();

		if (!pid) {
			keep(2);
			kill(getpid(), SIGTERM);
		}
		status = ended(pid);
	} else if (!strcmp(how, "vfork")) {
		status = vforked();
		/* what the child has set is the child's */
		printf("%d %d\n", signal(SIGTERM, SIG_DFL) == SIG_DFL,
		       signal(SIGPIPE, SIG_DFL) == SIG_DFL);
	} else if (!strcmp(how, "spawn")) {
		status = spawned();
	} else if (!strcmp(how, "fork-exec")) {
		status = fork_exec(100);
	} else if (!strcmp(how, "fork-work-exec")) {
		status = fork_exec(20000);
	} else if (!strcmp(how, "daemon")) {
		if (daemon(1, 1))
			return 96;
		keep(2);
		status = 5;
	} else if (!strcmp(how, "storm")) {
		status = storm(argc > 2 ? atoi(argv[2]) : 300, argc > 3 ? 8 : 4);
	}
	return status;
}
