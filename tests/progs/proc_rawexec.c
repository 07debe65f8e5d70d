/*
 * Becomes itself again and again, by a system call that no hook sees, while eight threads allocate
 * and one waits: proc_rawexec TIMES.
 */
#include "prog.h"

#include <pthread.h>
#include <sys/epoll.h>

extern char **environ;

static void *allocate(void *unused)
{
	void *p[64] = {0};

	(void)unused;
	for (unsigned i = 0;; i++) {
		free(p[i % 64]);
		p[i % 64] = malloc(i % 3000 + 1);
		if (i % 1000 == 0)
			close(open("/dev/null", O_RDONLY));
	}
	return NULL;
}

static void *wait_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

int main(int argc, char **argv)
{
	int times = argc > 1 ? atoi(argv[1]) : 0;
	struct epoll_event e;
	char next[16];
	pthread_t t;

	pthread_create(&t, NULL, wait_for_ever, NULL);
	for (int i = 0; i < 8; i++)
		pthread_create(&t, NULL, allocate, NULL);
	epoll_wait(epoll_create1(EPOLL_CLOEXEC), &e, 1, 10 + times * 7 % 30);
	if (!times) {
		if (write(1, "done\n", 5) != 5)
			return 1;
		_exit(0);
	}
	snprintf(next, sizeof(next), "%d", times - 1);
	char *args[] = {argv[0], next, NULL};
	syscall(SYS_execve, argv[0], args, environ);
	return 2;
}
