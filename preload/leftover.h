/*
 * leftover.h - what of threads, timers and descriptors would be called left over if the process
 * ended now; waiting a little for it to go; and a process that leaves nothing.
 *
 * For process.c, at the end of an image. Raw system calls only, errno untouched.
 */
#ifndef OUTLIVE_LEFTOVER_H
#define OUTLIVE_LEFTOVER_H

#include <stdbool.h>

/* True when the analyzer could find something that was not given back: it may still excuse it, by
 * rules. Closes that were bad are none of it. */
bool leftover_any(void);
/*
 * Looks again with growing pauses, up to the option `settle`, while there is something and other
 * threads are there that could still give it back: threads that are just ending, or close what they
 * have. Not longer than it takes to see that all of them wait without a time limit: nobody is left
 * who could wake them. Not in a signal handler.
 */
void leftover_settle(void);
/* A thread that faults meanwhile: exit would have ended it before. Does not return then. */
void leftover_park(void);
/*
 * True when nothing is left, nothing was lost, and the file of the option `tally` has a line for
 * this process: then no snapshot of its end is wanted. reason: FMT_REASON_*.
 */
bool leftover_none(unsigned reason);

#endif
