/* Loaded behind liboutlive.so: its constructor runs before that one's. */
#include <pthread.h>
#include <unistd.h>

static void *short_one(void *arg)
{
	return arg;
}

static void *long_one(void *arg)
{
	usleep(300000);
	return arg;
}

__attribute__((constructor)) static void early(void)
{
	pthread_t t;

	pthread_create(&t, NULL, long_one, NULL);
	pthread_detach(t);
	pthread_create(&t, NULL, short_one, NULL);
	pthread_join(t, NULL);
	/* ended, and nobody joins it */
	pthread_create(&t, NULL, short_one, NULL);
	usleep(50000);
}
