/*
 * check_settle.c - main returns while another thread still has to do. Argument:
 * ends     it sleeps a little, closes a descriptor, and ends
 * lasts    the same, but it sleeps for longer than anybody needs to look
 * waits    it waits for what nobody will do
 * sleeps   it sleeps for an hour
 * faults   it stumbles over what main's end has taken away
 * aborts   the same, by abort
 * exits    it ends the process itself, while main waits for it
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t begun;
static const char *mode;
static volatile int leaving;
static int fd;

static void leaves(void)
{
	leaving = 1;
}

static void *work(void *arg)
{
	pthread_barrier_wait(&begun);
	if (!strcmp(mode, "waits")) {
		pthread_mutex_lock(&lock);
		pthread_cond_wait(&never, &lock);
	}
	if (!strcmp(mode, "sleeps"))
		sleep(3600);
	if (!strcmp(mode, "exits")) {
		close(fd);
		exit(7);
	}
	if (!strcmp(mode, "lasts"))
		sleep(60);
	/* Whatever it does now, main has returned: on a busy machine that can take long. */
	while (!leaving)
		usleep(1000);
	usleep(500000);
	if (!strcmp(mode, "faults"))
		*(volatile int *)8 = 1;
	if (!strcmp(mode, "aborts"))
		abort();
	close(fd);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	mode = argc > 1 ? argv[1] : "";
	atexit(leaves);
	fd = open("/dev/null", O_RDONLY);
	pthread_barrier_init(&begun, NULL, 2);
	if (pthread_create(&thread, NULL, work, NULL))
		return 1;
	pthread_barrier_wait(&begun);
	if (!strcmp(mode, "exits"))
		pthread_join(thread, NULL);
	pthread_detach(thread);
	return 7;
}
