/*
 * verify.h - is anything left of what was made since the checkpoint (outlive.h)? verify.c; who
 * judges by names verify_ask.c asks.
 */
#ifndef OUTLIVE_VERIFY_H
#define OUTLIVE_VERIFY_H

#include <stdint.h>

struct outlive_verify;

/*
 * Looks, with growing pauses, until nothing is left, nobody is there who could give it back, or
 * v->settle_ms are over; then counts, writes a snapshot for the analyzer, and takes its verdict.
 * frame: as in reach.h. Returns what is left, 0, or -1 when there is no verdict. Any thread, no
 * signal handler. Blocks; stops the other threads for as long as a scan takes.
 */
int verify_none(struct outlive_verify *v, const void *frame);

void verify_fork_child(void);

/* ---- verify_ask.c ---- */

enum { VERIFY_ANSWER = 4096 };
/*
 * Has the file at path judged by who listens at the option `answer`. 0, with the answer, ended by
 * NUL; -errno when nobody answers in time. The program's descriptors are not touched: a child has
 * the connection.
 */
int verify_ask(const char *path, char answer[VERIFY_ANSWER]);

#endif
