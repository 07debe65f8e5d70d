/*
 * hook_thread.c - threads made, joined and detached, by POSIX and C11 calls (glibc's C11 calls do
 * not pass through the POSIX ones). A new thread starts in a trampoline of ours, which leaves a
 * frame of this library at the bottom of its stacks; its end is told by a key's destructor
 * (init.c), which runs for return, pthread_exit and cancel alike. No guard is held over the real
 * calls: joins block, start routines are the program's.
 */
#include <errno.h>

#include "format.h"
#include "hook.h"
#include "signals.h"

_Static_assert(__builtin_types_compatible_p(pthread_t, uintptr_t) &&
                       __builtin_types_compatible_p(thrd_t, uintptr_t),
               "track_thread_created()");

static void *begin(void *arg)
{
	struct track_start *start = arg;
	/* The record may be gone when the routine returns. */
	void *(*function)(void *) = (void *(*)(void *))start->function;
	void *argument = (void *)start->argument;

	t_signals_blocked = start->blocked;
	track_thread_started(start);
	if (g_track_thread_begin)
		g_track_thread_begin();
	return function(argument);
}

static int begin_c11(void *arg)
{
	struct track_start *start = arg;
	thrd_start_t function = (thrd_start_t)start->function;
	void *argument = (void *)start->argument;

	t_signals_blocked = start->blocked;
	track_thread_started(start);
	if (g_track_thread_begin)
		g_track_thread_begin();
	return function(argument);
}

static struct track_new_thread describe(const pthread_attr_t *attr, uintptr_t start, void *argument)
{
	struct track_new_thread how = {.start = start, .argument = (uintptr_t)argument};
	int state = PTHREAD_CREATE_JOINABLE;
	pthread_attr_t usual;
	size_t bytes = 0;

	if (attr && !pthread_attr_getdetachstate(attr, &state))
		how.detached = state == PTHREAD_CREATE_DETACHED;
	/* Of a fresh attribute glibc tells the size that threads without one get. */
	if (!attr && pthread_attr_init(&usual))
		return how;
	if (!pthread_attr_getstacksize(attr ? attr : &usual, &bytes))
		how.stack_bytes = bytes;
	if (!attr)
		pthread_attr_destroy(&usual);
	return how;
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*function)(void *),
                          void *argument)
{
	hook_ready();
	struct track_new_thread how = describe(attr, (uintptr_t)function, argument);
	struct track_start *start = track_thread_create(&CALLER(), &how);

	if (!start) {
		signals_hand_on(true);
		int untold = real.pthread_create(thread, attr, function, argument);
		signals_hand_on(false);
		return untold;
	}
	start->blocked = t_signals_blocked;
	uint64_t serial = start->serial;
	int error = real.pthread_create(thread, attr, begin, start);

	track_thread_created(start, serial, error ? NULL : thread);
	return error;
}

EXPORT int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
	hook_ready();
	if (!real.thrd_create)
		return thrd_error;
	struct track_new_thread how = describe(NULL, (uintptr_t)function, argument);
	struct track_start *start = track_thread_create(&CALLER(), &how);

	if (!start) {
		signals_hand_on(true);
		int untold = real.thrd_create(thread, function, argument);
		signals_hand_on(false);
		return untold;
	}
	start->blocked = t_signals_blocked;
	uint64_t serial = start->serial;
	int error = real.thrd_create(thread, begin_c11, start);

	track_thread_created(start, serial, error == thrd_success ? thread : NULL);
	return error;
}

/* Looked up before: when the call returns, the pthread_t may be a new thread's. */
#define JOIN(missing, success, call)                                    \
	hook_ready();                                                   \
	if (!(missing))                                                 \
		return ENOSYS;                                          \
	struct track_thread who = track_thread_find((uintptr_t)thread); \
	WAITS(FMT_SPAN_JOIN, thread, who.serial);                       \
	int error = call;                                               \
	WAITED();                                                       \
                                                                        \
	if (error == (success))                                         \
		track_thread_joined(who, (uintptr_t)thread);            \
	return error

EXPORT int pthread_join(pthread_t thread, void **result)
{
	JOIN(real.pthread_join, 0, real.pthread_join(thread, result));
}

EXPORT int pthread_tryjoin_np(pthread_t thread, void **result)
{
	JOIN(real.pthread_tryjoin_np, 0, real.pthread_tryjoin_np(thread, result));
}

EXPORT int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *until)
{
	JOIN(real.pthread_timedjoin_np, 0, real.pthread_timedjoin_np(thread, result, until));
}

EXPORT int pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock,
                                const struct timespec *until)
{
	JOIN(real.pthread_clockjoin_np, 0, real.pthread_clockjoin_np(thread, result, clock, until));
}

EXPORT int thrd_join(thrd_t thread, int *result)
{
	JOIN(real.thrd_join, thrd_success, real.thrd_join(thread, result));
}

EXPORT int pthread_detach(pthread_t thread)
{
	hook_ready();
	struct track_thread who = track_thread_find((uintptr_t)thread);
	int error = real.pthread_detach(thread);

	if (!error)
		track_thread_detached(who);
	return error;
}

EXPORT int thrd_detach(thrd_t thread)
{
	hook_ready();
	if (!real.thrd_detach)
		return thrd_error;
	struct track_thread who = track_thread_find((uintptr_t)thread);
	int error = real.thrd_detach(thread);

	if (error == thrd_success)
		track_thread_detached(who);
	return error;
}
