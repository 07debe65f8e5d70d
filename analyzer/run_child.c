/*
 * run_child.c - one child, and the signals between it, us and the terminal.
 *
 * All signals that could matter are blocked here and taken one by one with sigwaitinfo(): no
 * handler runs, nothing races with the wait. The child gets back the mask and dispositions that we
 * were started with.
 */
#include "run_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const int watched[] = {SIGCHLD, SIGINT,  SIGQUIT, SIGTERM, SIGHUP,  SIGUSR1,
                              SIGUSR2, SIGALRM, SIGTSTP, SIGCONT, SIGWINCH};

/* Others of the same name, as of an `outlive run` around us, would count everything twice. */
static char *preload_list(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	struct str s = {0};

	str_add(&s, library);
	for (const char *at = old ? old : ""; *at;) {
		size_t n = strcspn(at, ": ");
		const char *slash = memrchr(at, '/', n);
		const char *base = slash ? slash + 1 : at;
		size_t base_n = n - (size_t)(base - at);
		if (n &&
		    !(base_n == strlen("liboutlive.so") && !strncmp(base, "liboutlive.so", base_n)))
			str_addf(&s, ":%.*s", (int)n, at);
		at += n;
		at += strspn(at, ": ");
	}
	return s.data;
}

/* A script without "#!" is for the shell, as execvp has it; a program for another machine is not.
 */
static void exec_file(const struct command *command, char *const argv[])
{
	size_t n = 0;

	execv(command->path, argv);
	if (errno != ENOEXEC || command->is_elf)
		return;
	while (argv[n])
		n++;
	char **sh = xcalloc(n + 2, sizeof *sh), shell[] = "/bin/sh";
	sh[0] = shell;
	sh[1] = command->path;
	for (size_t i = 1; i < n; i++)
		sh[i + 1] = argv[i];
	execv(sh[0], sh);
}

static void exec_child(const struct command *command, char *const argv[], const char *library,
                       const char *options, int report)
{
	char *list = preload_list(library);

	if (setenv("LD_PRELOAD", list, 1) || setenv("OUTLIVE_OPTIONS", options, 1))
		errno = ENOMEM;
	else
		exec_file(command, argv);
	int error = errno;
	ssize_t ignored = write(report, &error, sizeof error);
	(void)ignored;
	_exit(error == ENOENT ? 127 : 126);
}

static void on_signal(const struct child *c, const siginfo_t *info)
{
	/* The terminal sends to the whole foreground group: the child has it already. */
	if (info->si_code == SI_KERNEL && info->si_signo != SIGCONT)
		return;
	kill(c->pid, info->si_signo);
}

/* True when it has ended. */
static bool collect(struct child *c)
{
	int status;

	while (waitpid(c->pid, &status, WNOHANG | WUNTRACED) == c->pid) {
		if (!WIFSTOPPED(status)) {
			c->status = status;
			return true;
		}
		/* Stopped by job control: our shell waits for us to stop. By a plain SIGSTOP:
		 * somebody's own affair. */
		int by = WSTOPSIG(status);
		if (by == SIGTSTP || by == SIGTTIN || by == SIGTTOU)
			raise(SIGSTOP);
	}
	return false;
}

static void wait_for_end(struct child *c, const sigset_t *set)
{
	siginfo_t info;

	for (;;) {
		int number = sigwaitinfo(set, &info);
		if (number == SIGCHLD && collect(c))
			return;
		if (number > 0 && number != SIGCHLD && number != SIGWINCH)
			on_signal(c, &info);
	}
}

int child_run(const struct command *command, char *const argv[], const char *library,
              const char *options, struct child *c, struct err *err)
{
	struct sigaction old_chld, chld = {.sa_handler = SIG_DFL};
	sigset_t set, old;
	int report[2];

	*c = (struct child){0};
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++)
		sigaddset(&set, watched[i]);
	if (pipe2(report, O_CLOEXEC))
		return err_set(err, "cannot make a pipe: %s", strerror(errno));
	sigprocmask(SIG_BLOCK, &set, &old);
	/* Started with SIGCHLD ignored, there would be nothing to wait for. */
	sigaction(SIGCHLD, &chld, &old_chld);
	c->pid = fork();
	if (!c->pid) {
		sigaction(SIGCHLD, &old_chld, NULL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		exec_child(command, argv, library, options, report[1]);
	}
	int result = c->pid < 0 ? err_set(err, "cannot make a process: %s", strerror(errno)) : 0;
	close(report[1]);
	if (!result) {
		ssize_t n = read(report[0], &c->exec_error, sizeof c->exec_error);
		if (n != sizeof c->exec_error)
			c->exec_error = 0;
		wait_for_end(c, &set);
	}
	close(report[0]);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return result;
}

int child_exit_status(const struct child *c)
{
	if (c->exec_error)
		return c->exec_error == ENOENT ? 127 : 126;
	return WIFSIGNALED(c->status) ? 128 + WTERMSIG(c->status) : WEXITSTATUS(c->status);
}

void child_die_alike(const struct child *c)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	struct rlimit none = {0};
	sigset_t set;

	if (c->exec_error || !WIFSIGNALED(c->status))
		return;
	int number = WTERMSIG(c->status);
	setrlimit(RLIMIT_CORE, &none);
	sigaction(number, &dfl, NULL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), number);
}
