/*
 * arch_frames.c - what each processor has its own way for: a signal's frame, a way through libc
 * back into the program, children that borrow our memory, a number of a system call, a thread's
 * first frame. With "abort" it ends so.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prog.h"

static void *g_kept[4];

static FRAME void frames_handler(int signal)
{
	(void)signal;
	g_kept[0] = malloc(4321);
}

static FRAME void frames_raise(void)
{
	raise(SIGUSR1);
	g_kept[1] = malloc(111);
}

static FRAME int frames_compare(const void *a, const void *b)
{
	if (!g_kept[2])
		g_kept[2] = malloc(1234);
	return *(const int *)a - *(const int *)b;
}

static FRAME void *frames_thread(void *arg)
{
	g_kept[3] = malloc(567);
	return arg;
}

/* vfork's child runs on our stack, and its exec must not be ours. */
static FRAME int frames_vfork(void)
{
	pid_t child = vfork();
	int status = -1;

	if (!child) {
		execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
		_exit(99);
	}
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	struct sigaction a = {.sa_handler = frames_handler};
	int numbers[] = {3, 1, 2};
	pthread_t thread;

	unsetenv("LD_PRELOAD"); /* children are not what is looked at */
	sigaction(SIGUSR1, &a, NULL);
	frames_raise();
	qsort(numbers, 3, sizeof(*numbers), frames_compare);
	pthread_create(&thread, NULL, frames_thread, NULL);
	pthread_join(thread, NULL);
	printf("vfork %d, syscall %d, system %d\n", frames_vfork(), syscall(SYS_getpid) == getpid(),
	       WEXITSTATUS(system("exit 3")));
	fflush(stdout);
	if (argc > 1 && !strcmp(argv[1], "abort"))
		abort();
	return 0;
}
