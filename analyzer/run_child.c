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
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int watched[] = {SIGCHLD, SIGINT,  SIGQUIT, SIGTERM, SIGHUP,  SIGUSR1,
                              SIGUSR2, SIGALRM, SIGTSTP, SIGCONT, SIGWINCH};

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

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* The next signal, or -1; *next_ns: when the watcher is to look. */
static int next_signal(const struct child *c, const sigset_t *set, const struct child_watch *watch,
                       uint64_t *next_ns, siginfo_t *info)
{
	uint64_t now;

	if (!watch || !watch->interval_ns)
		return sigwaitinfo(set, info);
	now = now_ns();
	if (*next_ns <= now) {
		watch->fn(watch->ctx, c->pid);
		*next_ns += watch->interval_ns;
		/* After a stop, one look and not all that were missed. */
		if (*next_ns <= now)
			*next_ns = now + watch->interval_ns;
		now = now_ns();
	}
	uint64_t left = *next_ns > now ? *next_ns - now : 0;
	return sigtimedwait(set, info,
	                    &(struct timespec){.tv_sec = (time_t)(left / 1000000000),
	                                       .tv_nsec = (long)(left % 1000000000)});
}

static void wait_for_end(struct child *c, const sigset_t *set, const struct child_watch *watch)
{
	uint64_t next_ns = watch ? now_ns() + watch->interval_ns : 0;
	siginfo_t info;

	for (;;) {
		int number = next_signal(c, set, watch, &next_ns, &info);
		if (number == SIGCHLD && collect(c))
			return;
		if (number > 0 && number != SIGCHLD && number != SIGWINCH)
			on_signal(c, &info);
	}
}

int child_run(child_become *become, const void *arg, const struct child_watch *watch,
              struct child *c, struct err *err)
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
		become(arg, report[1]);
	}
	int result = c->pid < 0 ? err_set(err, "cannot make a process: %s", strerror(errno)) : 0;
	close(report[1]);
	if (!result) {
		ssize_t n = read(report[0], &c->exec_error, sizeof c->exec_error);
		if (n != sizeof c->exec_error)
			c->exec_error = 0;
		wait_for_end(c, &set, watch);
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
