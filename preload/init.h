/*
 * init.h - the order in which outlive starts inside a process.
 *
 * init_early: in the first hooked call, often before any constructor: settings and tables, so that
 * every event is seen. No dlopen, no pthread calls, no environment function of libc. The
 * constructor: what needs a finished libc: fork handlers, thread ends, signals, files.
 */
#ifndef OUTLIVE_INIT_H
#define OUTLIVE_INIT_H

/* From hook_start() alone, IN_TRACKER set. */
void init_early(void);

#endif
