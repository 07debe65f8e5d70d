/*
 * control.h - the control page (format.h, section 5): a person's wish for a snapshot now, and the
 * answer; and the clock of `interval`. Everything here may be used in a signal handler.
 */
#ifndef OUTLIVE_CONTROL_H
#define OUTLIVE_CONTROL_H

#include <stdbool.h>

/* At start, in the constructor. */
void control_init(void);
/* Serves a request, the interval, the end of a writing child. Called about once a tick by hooked
 * calls. */
void control_poll(void);
/* A control signal came: a request, or the wish that a writer that is done be reaped. */
void control_signal(void);
/* The program uses the signal itself: from now on only control_poll() sees requests. */
void control_yield(void);

/* The file goes, so that nobody signals what comes after us; show: the exec failed, it is there
 * again. */
void control_hide(void);
void control_show(void);
/* After the file went: returns when nobody is in the middle of sending a signal any more. */
void control_settle(void);
/* fork's child: never the parent's page again; its own at the next poll. */
void control_fork_child(void);

#endif
