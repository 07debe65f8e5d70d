/*
 * waits.h - what the threads of a snapshot wait for, since when, and who has not gone on between
 * two moments. waits.c.
 */
#ifndef OUTLIVE_WAITS_H
#define OUTLIVE_WAITS_H

#include "profile.h"
#include "wait_reason.h"

/* The wait of the thread of that number; NULL: it ran, or nobody knows. */
const struct wait *waits_of_tid(const struct snapshot *s, uint32_t tid);
/* For how long t, a thread of b, has been in the wait that it is in, at least: by the kernel's own
 * clock, and by the earlier snapshot a, which may be NULL. 0: not known. */
uint64_t waits_ns(const struct snapshot *a, const struct snapshot *b, const struct task *t);
/* t, a thread of b, was in the wait that it is in at the time of a, too, and all the while. */
bool waits_since(const struct snapshot *a, const struct snapshot *b, const struct task *t);
/* What t, a thread of s, waits for. False: it ran, or nobody knows. */
bool waits_reason(const struct snapshot *s, const struct task *t, struct wait_reason *r);
/* Tells by the functions of a stack what a futex is to libc. Symbolized. */
void waits_functions(const struct snapshot *s, uint32_t stack, struct wait_reason *r);

#endif
