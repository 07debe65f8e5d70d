/*
 * signals_yield.h - the program uses the control signal itself, and takes it where it is blocked:
 * it gets it, and we withdraw. Until then the signal is kept out of its masks and signalfds, for it
 * must come to our handler; what was kept out is known here.
 */
#ifndef OUTLIVE_SIGNALS_YIELD_H
#define OUTLIVE_SIGNALS_YIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

/* The set of a wait of this thread without the control signal, as the kernel has it: where the
 * program is seen to use the signal, it is put back. */
extern TLS uint64_t t_signals_awaited __attribute__((visibility("hidden")));

/* What the program believes of the control signal for as long as a wait with a mask of its own
 * lasts (sigsuspend, ppoll). */
enum signals_wait { SIGNALS_WAIT_AS_EVER, SIGNALS_WAIT_OPEN, SIGNALS_WAIT_BLOCKED };
extern TLS enum signals_wait t_signals_wait __attribute__((visibility("hidden")));

/* A signalfd has been made or changed, with this mask but for what was kept. */
void signals_note_fd(int fd, uint64_t mask, uint64_t kept);
/* All that have been noted, as the program wants them but for this. */
void signals_set_fds(uint64_t kept);

/* In the handler, with a signal that is no request of ours. False: the thread has it open, and it
 * is to be delivered. */
bool signals_yield(int sig, const void *siginfo, void *ucontext);

#endif
