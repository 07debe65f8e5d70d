/*
 * ask_thread.h - which thread of a process is sent the signal that asks for a snapshot.
 *
 * One that sleeps: whatever is sent to the process as a whole may come while it becomes another
 * program by a system call that the library does not see, and would be the end of that; what was
 * sent to a thread goes with the thread. And one whose call a signal does not make last longer, if
 * there is one.
 */
#ifndef OUTLIVE_ASK_THREAD_H
#define OUTLIVE_ASK_THREAD_H

#include "target.h"

/* 0: none sleeps with the signal open. */
pid_t ask_thread(const struct target *t, int number);
/* It sleeps still. */
bool ask_thread_sleeps(const struct target *t, pid_t tid);

#endif
