/*
 * proc_rawfork.c - forks by the raw system call while four threads allocate: no fork handler runs,
 * and whichever lock they held is held for ever in the child. The child does what is allowed there:
 * it opens and closes, from ever new stacks. Prints how many children did not come back; an alarm
 * ends those that hang.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int g_stop;

static void *hammer(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	while (!g_stop) {
		seed = seed * 1103515245 + 12345;
		free(malloc(16 + seed % 5000));
	}
	return NULL;
}

static int open_from(int depth)
{
	if (depth > 0)
		return open_from(depth - 1) + 1;
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	return fd;
}

int main(void)
{
	pthread_t thread[4];
	int bad = 0;

	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, hammer, (void *)i);
	for (int i = 0; i < 300; i++) {
		long pid = syscall(SYS_fork);
		int status;

		if (!pid) {
			alarm(20);
			open_from(i % 60);
			_exit(0);
		}
		waitpid((pid_t)pid, &status, 0);
		bad += status != 0;
	}
	g_stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	printf("%d\n", bad);
	return bad != 0;
}
