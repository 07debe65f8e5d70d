/* What a debugger or tracer looks at: threads, a child, blocks and descriptors, a signal, an exit
 * status. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int caught;

static void on_signal(int signal)
{
	(void)signal;
	caught++;
}

static void *work(void *p)
{
	char *copy = strdup(p);

	for (int i = 0; i < 200; i++)
		copy = realloc(copy, strlen(p) + (size_t)i + 1);
	return copy;
}

static long sum(const int *values, int n)
{
	long total = 0;

	for (int i = 0; i < n; i++)
		total += values[i];
	return total;
}

int main(void)
{
	int values[] = {1, 2, 3, 4, 5}, status;
	pthread_t threads[4];
	FILE *f = fopen("made", "w");

	signal(SIGUSR1, on_signal);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, work, "a name to copy");
	for (int i = 0; i < 4; i++) {
		void *copy;

		pthread_join(threads[i], &copy);
		fprintf(f, "%s\n", (char *)copy);
		free(copy);
	}
	fclose(f);
	raise(SIGUSR1);
	fflush(stdout);
	if (!fork())
		_exit(9);
	wait(&status);
	printf("%ld %d %d\n", sum(values, 5), caught, WEXITSTATUS(status));
	return 3;
}
