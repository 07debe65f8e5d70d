/*
 * signals.h - the signals that end the process, and the one that asks for a snapshot.
 *
 * Where the program has left a signal at SIG_DFL and its default action ends the process, the
 * kernel is told of a handler of ours instead: it writes the last snapshot, and the process then
 * dies by that very signal. What the program believes its dispositions to be is kept here, and
 * hooks show it that.
 */
#ifndef OUTLIVE_SIGNALS_H
#define OUTLIVE_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

#define SIGNALS_MAX 64

/* A disposition as the kernel knows it. */
struct signals_action {
	void *handler; /* SIG_DFL, SIG_IGN or a function */
	uint64_t flags;
	void *restorer;
	uint64_t mask;
};

/* The ucontext_t of the program's code that a handler of ours has interrupted on this thread; NULL
 * where none runs. */
extern TLS const void *t_signals_interrupted __attribute__((visibility("hidden")));

/* Tells a snapshot that is taken in such a handler what it has interrupted. */
struct snapshot_request;
void signals_tell(struct snapshot_request *r);

/* False until signals_init(): hooks only forward. */
extern bool g_signals_on __attribute__((visibility("hidden")));
/* The control signal; 0 once the program has been seen to use it itself. */
extern int g_signals_control __attribute__((visibility("hidden")));
/* This thread believes that it has the control signal blocked. It has not: not before the program
 * is seen to use it, nor before this thread is given one or comes to signals_settle(). */
extern TLS bool t_signals_blocked __attribute__((visibility("hidden")));

static inline uint64_t signals_bit(int sig)
{
	return sig > 0 && sig <= SIGNALS_MAX ? 1ul << (sig - 1) : 0;
}

/* At start, in the constructor. */
void signals_init(void);
void signals_fork_child(void);

/*
 * Around libc's own function that changes a disposition: it finds and leaves in the kernel what the
 * program believes, so it does and returns what it always does. All signals are blocked in between.
 */
struct signals_change {
	int sig;
	bool ours;
	uint64_t mask;
};
struct signals_change signals_change_begin(int sig);
void signals_change_end(const struct signals_change *c);
/* Instead of the end: the kernel stays as the program believes it to be, mask and lock are given
 * back. Another begin and end must follow. */
void signals_change_pause(const struct signals_change *c);
/* Reading one: true when the program believes something other than what the kernel has, now in
 * *out. */
bool signals_believed(int sig, const void *kernel_handler, struct signals_action *out);
/* True when the last snapshot will be written if the signal comes now. */
bool signals_is_ours(int sig);

/* The calling thread's mask: returns the old one. how: SIG_BLOCK and so on. */
uint64_t signals_mask(int how, uint64_t set);
/* To the process or the thread that it was sent to, with what came with it. */
void signals_send_again(int sig, const void *siginfo);
/* Once the control signal is the program's: this thread's mask becomes what it believes it to be.
 */
void signals_settle(void);
/* Around what hands the mask on to a new image, or to a thread that we shall not see begin: it is
 * what the program believes. */
void signals_hand_on(bool begins);

/* Before an exec, and after one that failed: mask and disposition of the control signal, as the
 * program believes them, are what the next image inherits. */
void signals_exec(bool begins);

/*
 * Before a filter that would kill for what our handlers do, and after one that was refused: the
 * kernel has what the program believes, and hooks only forward. A request for a snapshot that is
 * on its way must not end the program, so the control signal is ignored where it was the default.
 */
void signals_withdraw(bool begins);

/*
 * A system call that our handler interrupted, and that SA_RESTART does not restart, goes on as if
 * nothing had been: programs that have no handler at all never see EINTR. See signals_restart.c.
 */
void signals_restart(void *ucontext);
/*
 * The same at the end of a handler that has made no timed call that was interrupted, and no
 * nanosleep: then sleeps and polls end at their time. nr: the call, -1: to be found in the code.
 * May not return: the program goes on.
 */
void signals_resume(void *ucontext, long nr);
/* The call, with a limit of time, is made once more: for what is left of it. False: nothing is, and
 * it has the result of that. */
bool signals_limit(void *ucontext, long nr);
/* The system call that a handler of ours has interrupted, which will be made again or has failed
 * with EINTR; -1: none. */
long signals_call(const void *ucontext);
/* A call that may be made once more when it has returned EINTR without a handler of the program's.
 */
bool signals_repeats(long nr);

#endif
