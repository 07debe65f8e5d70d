/*
 * A request for a snapshot that no thread takes before the program becomes another: the kernel has
 * given it to the first thread, which waits for its vfork child, and another thread calls exec.
 */
#include "prog.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

static void *becomes(void *arg)
{
	prog_wait("ready");
	execlp("echo", "echo", "the new image lives", NULL);
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, becomes, NULL);
	if (!vfork()) {
		/* Until the thread that it was made by is gone. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return 0;
}
