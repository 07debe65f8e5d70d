/*
 * api_verify.c - a test suite in one process, as outlive.h has it: each word of the command line is
 * a test. Prints what outlive_verify_none() said of it. Status: how many tests left something.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "preload/outlive.h"

static void *g_cache, *g_lasting;
static pthread_t g_thread, g_busy[2];
static int g_stop[2];

struct list {
	struct list *next;
};

__attribute__((noinline)) static void lose_block(size_t n)
{
	char *volatile p = malloc(n);

	memset(p, 1, n);
	p = NULL;
}

__attribute__((noinline)) static void lose_list(void)
{
	struct list *volatile head = NULL;

	for (int i = 0; i < 5; i++) {
		struct list *new = malloc(sizeof(*new));
		new->next = head;
		head = new;
	}
	head = NULL;
}

__attribute__((noinline)) static int open_fd(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void *wait_for_word(void *arg)
{
	char word;

	return read(g_stop[0], &word, 1) < 0 ? arg : NULL;
}

static void *ends_late(void *arg)
{
	int fd = open_fd();

	usleep(100000);
	close(fd);
	return arg;
}

__attribute__((noinline)) static pthread_t start(void *(*run)(void *))
{
	pthread_t thread;

	pthread_create(&thread, NULL, run, NULL);
	return thread;
}

__attribute__((noinline)) static timer_t make_timer(void)
{
	struct sigevent none = {.sigev_notify = SIGEV_NONE};
	timer_t timer;

	timer_create(CLOCK_MONOTONIC, &none, &timer);
	return timer;
}

static int g_busy_end;
static void *busy(void *arg)
{
	while (!__atomic_load_n(&g_busy_end, __ATOMIC_RELAXED))
		for (int i = 1; i < 100; i++)
			free(malloc((size_t)i));
	return arg;
}

static void in_scope(void)
{
	OUTLIVE_IGNORE;
	lose_block(100);
	open_fd();
	make_timer();
}

static void run(const char *test)
{
	if (!strcmp(test, "clean"))
		free(malloc(10));
	else if (!strcmp(test, "block"))
		lose_block(64);
	else if (!strcmp(test, "list"))
		lose_list();
	else if (!strcmp(test, "cache"))
		g_cache = realloc(g_cache, 1000);
	else if (!strcmp(test, "fd"))
		open_fd();
	else if (!strcmp(test, "timer"))
		make_timer();
	else if (!strcmp(test, "thread"))
		g_thread = start(wait_for_word);
	else if (!strcmp(test, "late"))
		pthread_detach(start(ends_late));
	else if (!strcmp(test, "scope"))
		in_scope();
	else if (!strcmp(test, "scope_then_block")) {
		in_scope();
		lose_block(64);
	} else if (!strcmp(test, "intended")) {
		void *block = malloc(40);
		outlive_intend_block(block);
		outlive_intend_fd(open_fd());
		outlive_intend_timer(make_timer());
		g_lasting = NULL;
	} else if (!strcmp(test, "intended_thread"))
		outlive_intend_thread(g_thread = start(wait_for_word));
	else if (!strcmp(test, "busy")) {
		outlive_intend_thread(g_busy[0] = start(busy));
		outlive_intend_thread(g_busy[1] = start(busy));
		lose_block(64);
	} else if (!strcmp(test, "checkpoint")) {
		lose_block(77);
		open_fd();
		outlive_checkpoint();
	} else
		exit(99);
}

int main(int argc, char **argv)
{
	static struct outlive_verify v;
	int bad = 0;

	if (pipe2(g_stop, O_CLOEXEC))
		return 98;
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("suite");
	for (int i = 1; i < argc; i++) {
		memset(&v, 0, sizeof(v));
		if (getenv("GROWTH"))
			v.what = OUTLIVE_GROWTH;
		outlive_test_begin(argv[i]);
		run(argv[i]);
		int left = outlive_verify_none(&v);
		outlive_test_end();
		printf("%s: %d left: %d blocks, %d bytes, %d threads, %d timers, %d fds%s\n",
		       argv[i], left, (int)v.blocks, (int)v.bytes, (int)v.threads, (int)v.timers,
		       (int)v.fds, v.by_names ? ", by names" : "");
		printf("%s\n", v.text);
		bad += left != 0;
	}
	g_busy_end = 1;
	for (int i = 0; i < 2 && g_busy[i]; i++)
		pthread_join(g_busy[i], NULL);
	close(g_stop[0]);
	close(g_stop[1]);
	return bad;
}
