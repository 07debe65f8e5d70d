/*
 * small.c - work for a libc that is not glibc, or not shared, or not alone: threads that allocate,
 * a server with clients, a child, files, sorting, a signal, a timer.
 */
#include <arpa/inet.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 6, LINES = 300 };

static volatile sig_atomic_t ticks;

static void tick(int signal)
{
	(void)signal;
	ticks = 1;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void *lines(void *arg)
{
	char **line = calloc(LINES, sizeof(*line));
	unsigned long sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < LINES; i++) {
		char text[40];

		snprintf(text, sizeof(text), "%d:%zu", *(int *)arg, i * 7919 % LINES);
		line[n++] = strdup(text);
	}
	qsort(line, n, sizeof(*line), by_text);
	for (size_t i = 0; i < n; i++) {
		sum = sum * 31 + strtoul(strchr(line[i], ':') + 1, NULL, 10);
		free(line[i]);
	}
	free(line);
	return (void *)sum;
}

static int listener;

static void *serve(void *arg)
{
	for (int i = 0; i < 20; i++) {
		char buffer[64];
		int c = accept(listener, NULL, NULL);
		ssize_t n = read(c, buffer, sizeof(buffer));

		for (ssize_t j = 0; j < n; j++)
			buffer[j] ^= 0x20;
		if (write(c, buffer, (size_t)n) != n)
			abort();
		close(c);
	}
	return arg;
}

static int ask(const struct sockaddr_in *to)
{
	char buffer[64] = "";
	int c = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(c, (const struct sockaddr *)to, sizeof(*to)) || write(c, "hello", 5) != 5)
		return 0;
	if (read(c, buffer, sizeof(buffer)) != 5)
		return 0;
	close(c);
	return !strcmp(buffer, "HELLO");
}

static int clients(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	pthread_t server;
	int good = 0;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	bind(listener, (struct sockaddr *)&at, size);
	listen(listener, 20);
	getsockname(listener, (struct sockaddr *)&at, &size);
	pthread_create(&server, NULL, serve, NULL);
	for (int i = 0; i < 20; i++)
		good += ask(&at);
	pthread_join(server, NULL);
	close(listener);
	return good;
}

static void timer(void)
{
	struct itimerspec soon = {.it_value.tv_nsec = 1000000};
	timer_t t;

	signal(SIGALRM, tick);
	timer_create(CLOCK_MONOTONIC, NULL, &t);
	timer_settime(t, 0, &soon, NULL);
	while (!ticks)
		usleep(1000);
	timer_delete(t);
}

int main(void)
{
	int number[THREADS], status;
	pthread_t thread[THREADS];
	char text[100];

	setlocale(LC_ALL, "");
	for (int i = 0; i < THREADS; i++) {
		number[i] = i;
		pthread_create(&thread[i], NULL, lines, &number[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		void *sum;

		pthread_join(thread[i], &sum);
		printf("%lx\n", (unsigned long)sum);
	}
	printf("%d clients\n", clients());
	timer();
	fflush(stdout);
	if (!fork()) {
		free(malloc(100));
		_exit(9);
	}
	wait(&status);
	FILE *p = popen("seq 3 | tr '\\n' ' '", "r");
	if (p && fgets(text, sizeof(text), p))
		printf("child %d, popen %s\n", WEXITSTATUS(status), text);
	printf("popen ended with %d\n", p ? pclose(p) : -1);
	void *p2 = aligned_alloc(4096, 8192);
	printf("aligned %d\n", p2 && !((unsigned long)p2 & 4095));
	free(p2);
	return 5;
}
