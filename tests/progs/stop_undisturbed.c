/*
 * stop_undisturbed.c - makes each of the system calls of tests/unit/stop_calls.h in a thread of its
 * own; says so, waits for a line, and prints those that did not end as they should have. Then one
 * thread that waits for its vfork child: stop_undisturbed vfork.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "prog.h"
#include "tests/unit/stop_calls.h"

static int children;
static void on_child(int sig)
{
	(void)sig;
	children++;
}

static volatile unsigned vforker, in_child;

static void *vforks(void *arg)
{
	vforker = (unsigned)syscall(SYS_gettid);
	pid_t pid = vfork();

	if (!pid) {
		in_child = 1;
		/* until the test says so: the pipe ends */
		char c;
		while (read(*(int *)arg, &c, 1) > 0)
			;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return NULL;
}

static int with_vfork(void)
{
	int in = 0;
	pthread_t t;

	pthread_create(&t, NULL, vforks, &in);
	while (!in_child || prog_state(vforker) != 'D')
		usleep(1000);
	if (write(1, "vforked\n", 8) != 8)
		return 1;
	pthread_join(t, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	int bad = 0;

	if (argc > 1 && !strcmp(argv[1], "vfork"))
		return with_vfork();
	call_ms = 6000;
	signal(SIGCHLD, on_child);
	calls_prepare();
	usleep(200000);
	prog_wait("calling");
	calls_finish();
	for (size_t i = 0; i < N_CALLS; i++) {
		const struct call *c = &calls[i];

		if (c->is.got == c->want && c->is.got_errno == c->want_errno &&
		    (!c->timed || c->is.took_ms >= (uint64_t)call_ms))
			continue;
		printf("%s: %ld, errno %d, %d ms\n", c->name, c->is.got, c->is.got_errno,
		       (int)c->is.took_ms);
		bad++;
	}
	if (waitpid(-1, NULL, 0) != -1 || errno != ECHILD || children)
		printf("a child, or a SIGCHLD, %d\n", children);
	printf("%d of %d disturbed\n", bad, (int)N_CALLS);
	return bad != 0;
}
