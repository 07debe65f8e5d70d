/*
 * spans.h - what threads have waited for, of a snapshot with the option trace: in words, and what
 * is known of a thread's trace as a whole. spans.c.
 */
#ifndef OUTLIVE_SPANS_H
#define OUTLIVE_SPANS_H

#include "profile.h"
#include "wait_reason.h"

/* "mutex", "epoll"; and whose, into s: "0x55.. held by thread 12", "fd 3 (tcp 127.0.0.1:80)". */
enum wait_kind span_words(const struct snapshot *s, const struct span *w, struct str *words);
/* When it was over, or the snapshot taken. */
uint64_t span_end_ns(const struct snapshot *s, const struct span *w);
/* Waits that were kept no longer: the ring was full. */
uint64_t traced_overwritten(const struct snapshot *s, const struct traced *t);
/* The thread of that serial, NULL: not traced. */
const struct traced *traced_of(const struct snapshot *s, uint64_t serial);

#endif
