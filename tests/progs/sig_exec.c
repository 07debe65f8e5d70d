/*
 * The first thread waits for its vfork child, and cannot take a request for a snapshot; another
 * one waits, too, and then makes another program of this one.
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
