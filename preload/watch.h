/*
 * watch.h - snapshots for which the size of the live heap calls: each time it has grown by so much
 * (`growth`), and when it was at its highest (`peak`).
 *
 * Each context knows what it has made less what it has freed, and a window around that; an event
 * that leaves the window looks at the sum of all. Windows are 1/256 of the heap together, so the
 * sum is known that well and the look is paid for by thousands of events. The peak is written when
 * the heap has begun to fall, before the block that makes it fall is gone: a rise costs nothing. A
 * maximum that is no more than 1 % above one that was written is not written, nor is one below
 * 1 MB.
 */
#ifndef OUTLIVE_WATCH_H
#define OUTLIVE_WATCH_H

/* At the start, before anything is tracked; then, when snapshots can be taken. */
void watch_init(void);
void watch_start(void);
/* The end of the image comes: the highest may be now. Any context. */
void watch_end(void);
void watch_fork_child(void);

#endif
