/*
 * hook_timer.c - timers made, set and deleted. SIGEV_THREAD: glibc starts the thread that runs the
 * program's function by a call that we do not see, so the function is wrapped: the thread then is
 * known, with the timer's stack. timerfds are descriptors; they are here for their birth only.
 * Context: any thread; settime, setitimer and alarm in signal handlers, too.
 */
#include <errno.h>
#include <string.h>
#include <sys/time.h>

#include "format.h"
#include "hook.h"

static uint64_t ns_of(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static uint64_t ns_of_val(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_usec * 1000u;
}

/* A queue tells once; a timer's record lives until it is deleted. */
static void notified_once(union sigval value)
{
	struct track_notify *n = value.sival_ptr;
	void (*function)(union sigval) = (void (*)(union sigval))n->function;
	union sigval argument = {.sival_ptr = (void *)n->argument};

	track_notify_begin(n);
	track_notify_free(n);
	if (g_track_thread_begin)
		g_track_thread_begin();
	function(argument);
}

static void notified(union sigval value)
{
	const struct track_notify *n = value.sival_ptr;
	void (*function)(union sigval) = (void (*)(union sigval))n->function;
	union sigval argument = {.sival_ptr = (void *)n->argument};

	track_notify_begin(n);
	if (g_track_thread_begin)
		g_track_thread_begin();
	function(argument);
}

/* A copy of *event that leads through notified(); NULL where it stays as it is. */
static struct track_notify *wrap(const struct sigevent *event, struct sigevent *copy,
                                 const struct caller *from)
{
	if (!event || event->sigev_notify != SIGEV_THREAD)
		return NULL;
	struct track_notify *n = track_notify_new((uintptr_t)event->sigev_notify_function,
	                                          (uintptr_t)event->sigev_value.sival_ptr, from);

	if (n) {
		*copy = *event;
		copy->sigev_notify_function = notified;
		copy->sigev_value.sival_ptr = n;
	}
	return n;
}

/* Those of other processes and threads are negative. */
static bool counts_cpu(clockid_t clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

EXPORT int timer_create(clockid_t clock, struct sigevent *event, timer_t *timer)
{
	struct sigevent copy;

	hook_ready();
	struct track_notify *n = wrap(event, &copy, &CALLER());
	int error = real.timer_create(clock, n ? &copy : event, timer);

	if (!error)
		track_timer_create(
		        (uint64_t)*timer,
		        &(struct track_new_timer){
		                .sigev = event ? (uint32_t)event->sigev_notify : SIGEV_SIGNAL,
		                .signal = event ? (uint32_t)event->sigev_signo : SIGALRM,
		                .cpu_clock = counts_cpu(clock),
		                .notify = n},
		        &CALLER());
	else if (n)
		track_notify_free(n);
	return error;
}

EXPORT int timer_delete(timer_t timer)
{
	hook_ready();
	track_timer_delete(
	        (uint64_t)timer); /* before: the id may be another's when the call returns */
	return real.timer_delete(timer);
}

EXPORT int timer_settime(timer_t timer, int flags, const struct itimerspec *value,
                         struct itimerspec *old)
{
	hook_ready();
	int error = real.timer_settime(timer, flags, value, old);

	if (!error) {
		uint64_t first = ns_of(&value->it_value);
		struct itimerspec now;

		/* An absolute time lies on the timer's clock: only the kernel knows what is left to
		 * it. If nothing is, it goes off now. */
		if (first && (flags & TIMER_ABSTIME))
			first = !timer_gettime(timer, &now) && ns_of(&now.it_value)
			                ? ns_of(&now.it_value)
			                : 1;
		track_timer_set((uint64_t)timer, first, ns_of(&value->it_interval));
	}
	return error;
}

EXPORT int timerfd_create(int clock, int flags)
{
	hook_ready();
	int fd = real.timerfd_create(clock, flags);

	if (fd >= 0)
		track_fd_open(fd, FMT_FD_TIMERFD, 0, &CALLER());
	return fd;
}

EXPORT int setitimer(__itimer_which_t which, const struct itimerval *value, struct itimerval *old)
{
	hook_ready();
	int error = real.setitimer(which, value, old);

	if (!error && value)
		track_itimer_set((uint32_t)which, ns_of_val(&value->it_value),
		                 ns_of_val(&value->it_interval), &CALLER());
	return error;
}

EXPORT unsigned alarm(unsigned seconds)
{
	hook_ready();
	unsigned left = real.alarm(seconds);

	track_itimer_set(ITIMER_REAL, seconds * 1000000000ull, 0, &CALLER());
	return left;
}

EXPORT useconds_t ualarm(useconds_t value, useconds_t interval)
{
	hook_ready();
	useconds_t left = real.ualarm(value, interval);

	if (left != (useconds_t)-1)
		track_itimer_set(ITIMER_REAL, value * 1000ull, interval * 1000ull, &CALLER());
	return left;
}

EXPORT int mq_notify(mqd_t queue, const struct sigevent *event)
{
	struct sigevent copy;

	hook_ready();
	struct track_notify *n = wrap(event, &copy, &CALLER());
	if (n)
		copy.sigev_notify_function = notified_once;
	int error = real.mq_notify(queue, n ? &copy : event);

	if (error && n)
		track_notify_free(n);
	return error;
}
