/*
 * serve_loop.c - for tests of the server: a program that goes on allocating, and makes a thread
 * that sleeps for ever each second, argv[1] at most; "ready" first. It ends by itself after five
 * minutes.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *worker(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *keep(size_t n)
{
	return malloc(n);
}

int main(int argc, char **argv)
{
	int most = argc > 1 ? atoi(argv[1]) : 0, made = 0;
	void *volatile kept;

	puts("ready");
	fflush(stdout);
	for (int tick = 0; tick < 6000; tick++) {
		pthread_t t;
		usleep(50000);
		free(malloc(100));
		kept = keep(1000);
		if (tick % 20 == 0 && made < most && !pthread_create(&t, NULL, worker, NULL))
			made++;
	}
	free(kept);
	return 0;
}
