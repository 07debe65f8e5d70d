/*
 * life_barred.c - sets a filter and becomes, or starts, another program: itself, which tells what
 * it was told to preload. life_barred KIND WAY. KIND: deadly, a filter that kills for calls of
 * which a profiler lives and other programs do not; bars, one that kills for ptrace alone; shuts,
 * one that lets no file be made, by an error; refused, a deadly one that cannot be set; none. WAY:
 * the function, or "system", "popen", "vfork" (where it is the child that sets the filter), "fork"
 * (the same).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "prog.h"

extern char **environ;

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(nr, action) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, (action))
#define KILL(nr)   IF(nr, SECCOMP_RET_KILL_PROCESS)
#define ELSE_ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter deadly[] = {LOAD(nr),
                                      KILL(SYS_prctl),
                                      KILL(SYS_gettid),
                                      KILL(SYS_madvise),
                                      KILL(SYS_getdents64),
                                      KILL(SYS_faccessat),
                                      KILL(SYS_unlinkat),
                                      ELSE_ALLOW};
static struct sock_filter bars[] = {LOAD(nr), KILL(SYS_ptrace), ELSE_ALLOW};
static struct sock_filter shuts[] = {LOAD(nr),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
                                     LOAD(args[2]),
                                     BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT | O_WRONLY, 0, 1),
                                     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                                     ELSE_ALLOW};

static char *self;
static char *arguments[] = {"life_barred", "told", NULL};

/* Async-signal-safe but for the texts: a child of vfork may call it. */
static int set_filter(const char *kind)
{
	struct sock_fprog f = {sizeof(deadly) / sizeof(*deadly), deadly};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!strcmp(kind, "none"))
		return 0;
	if (!strcmp(kind, "bars"))
		f = (struct sock_fprog){sizeof(bars) / sizeof(*bars), bars};
	if (!strcmp(kind, "shuts"))
		f = (struct sock_fprog){sizeof(shuts) / sizeof(*shuts), shuts};
	if (strcmp(kind, "refused"))
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f);
	/* No such flag. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1u << 30, &f) == -1 ? 0 : -1;
}

static int become(const char *way)
{
	if (!strcmp(way, "execve"))
		return execve(self, arguments, environ);
	if (!strcmp(way, "execv"))
		return execv(self, arguments);
	if (!strcmp(way, "execvp"))
		return execvp(self, arguments);
	if (!strcmp(way, "execvpe"))
		return execvpe(self, arguments, environ);
	if (!strcmp(way, "execl"))
		return execl(self, arguments[0], arguments[1], (char *)NULL);
	if (!strcmp(way, "execlp"))
		return execlp(self, arguments[0], arguments[1], (char *)NULL);
	if (!strcmp(way, "execle"))
		return execle(self, arguments[0], arguments[1], (char *)NULL, environ);
	if (!strcmp(way, "execveat"))
		return execveat(AT_FDCWD, self, arguments, environ, 0);
	return fexecve(open(self, O_RDONLY | O_CLOEXEC), arguments, environ);
}

static int ended(pid_t pid)
{
	int status = -1;

	if (pid <= 0 || waitpid(pid, &status, 0) != pid)
		return 90;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int start(const char *way)
{
	char command[4200], line[8192];
	pid_t pid = 0;

	snprintf(command, sizeof(command), "'%s' told", self);
	if (!strcmp(way, "system"))
		return WEXITSTATUS(system(command));
	if (!strcmp(way, "posix_spawn"))
		return posix_spawn(&pid, self, NULL, NULL, arguments, environ) ? 91 : ended(pid);
	if (!strcmp(way, "posix_spawnp"))
		return posix_spawnp(&pid, self, NULL, NULL, arguments, environ) ? 91 : ended(pid);
	FILE *f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f))
		fputs(line, stdout);
	fflush(stdout);
	return f ? WEXITSTATUS(pclose(f)) : 92;
}

static int in_child(const char *kind, const char *way)
{
	pid_t pid = !strcmp(way, "vfork") ? vfork() : fork();

	if (!pid) {
		if (!set_filter(kind))
			execve(self, arguments, environ);
		_exit(93);
	}
	return ended(pid);
}

FRAME static void before(void)
{
	prog_sink = malloc(100);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 2 ? argv[1] : "", *way = argc > 2 ? argv[2] : "";
	const char *preload = getenv("LD_PRELOAD");

	before();
	if (argc == 2) {
		printf("preload %s\n", preload ? preload : "nothing");
		return 3;
	}
	self = argv[0];
	if (strstr(way, "fork"))
		return in_child(kind, way);
	if (set_filter(kind))
		return 94;
	if (strstr(way, "exec")) {
		become(way);
		return 95;
	}
	return start(way);
}
