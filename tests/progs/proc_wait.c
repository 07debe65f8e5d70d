/* Has no children, and must never find one: neither while a snapshot is written, nor after. */
#include "prog.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t g_died;

static void on_child(int sig)
{
	(void)sig;
	g_died++;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 100, found = 0;

	signal(SIGCHLD, on_child);
	for (long i = 0; i < rounds; i++) {
		siginfo_t info;

		for (int k = 0; k < 200; k++)
			prog_sink = malloc(16);
		found += wait(NULL) != -1 || errno != ECHILD;
		found += waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD;
		found += waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != -1 || errno != ECHILD;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	printf("children found: %ld, SIGCHLD: %d\n", found, (int)g_died);
	return 0;
}
