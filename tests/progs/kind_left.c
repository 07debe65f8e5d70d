/*
 * kind_left.c - leaves threads, timers and descriptors behind, so many of each that nobody can
 * mistake them; and gives back others of the same kinds. Says "before", waits, leaves more, says
 * "after", waits, ends.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "prog.h"

static void *work(void *arg)
{
	return arg;
}

static void *serve(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static pthread_t thread_new(void *(*routine)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, routine, NULL))
		exit(1);
	return t;
}

static void leave_unjoined(void)
{
	for (int i = 0; i < 3; i++)
		thread_new(work);
}

static void leave_running(void)
{
	for (int i = 0; i < 2; i++)
		thread_new(serve);
}

static void join_all(void)
{
	for (int i = 0; i < 20; i++)
		pthread_join(thread_new(work), NULL);
}

static timer_t timer_new(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_NONE};
	timer_t t;

	if (timer_create(CLOCK_MONOTONIC, &event, &t))
		exit(1);
	return t;
}

static void leave_timers(void)
{
	struct itimerspec often = {{0, 1000000}, {0, 1000000}};

	timer_new();
	timer_settime(timer_new(), 0, &often, NULL);
	timer_delete(timer_new());
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (timerfd_settime(fd, 0, &often, NULL) ||
	    poll(&(struct pollfd){fd, POLLIN, 0}, 1, -1) != 1)
		exit(1);
}

static void leave_fds(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) || open("/dev/null", O_RDONLY) < 0 ||
	    socket(AF_INET, SOCK_STREAM, 0) < 0 || eventfd(0, 0) < 0 || epoll_create1(0) < 0)
		exit(1);
	for (int i = 0; i < 100; i++)
		close(open("/dev/null", O_RDONLY));
}

static void close_twice(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	close(fd);
}

static void leave_more(void)
{
	for (int i = 0; i < 5; i++)
		if (open("/dev/zero", O_RDONLY | O_CLOEXEC) < 0)
			exit(1);
	thread_new(serve);
}

int main(void)
{
	leave_unjoined();
	leave_running();
	join_all();
	leave_timers();
	leave_fds();
	close_twice();
	/* ourselves, and the two that are to run */
	prog_settle(3);
	prog_wait("before");
	leave_more();
	prog_wait("after");
	return 0;
}
