/*
 * outlive.h - for programs that want to look at their own counts, or write a snapshot at a moment
 * of their choice. MIT license, as all of outlive. One header, C and C++, nothing to link: a
 * program that includes it runs as well without liboutlive.so, and then has no counts.
 *
 * A test that leaks nothing ends with what it began with. Threads that were told to end, and the
 * descriptors that they hold, may take a moment: the lowest of three looks counts.
 *
 *     struct outlive_stats before, after;
 *
 *     outlive_read_stats(&before);
 *     run_the_test();
 *     for (int look = 0; look < 3; look++) {
 *             if (outlive_read_stats(&after))
 *                     break;                        (not profiled)
 *             if (after.live_threads <= before.live_threads && after.live_fds <= before.live_fds)
 *                     break;
 *             usleep(100000);
 *     }
 *     assert(after.live_threads <= before.live_threads && after.live_fds <= before.live_fds);
 *
 * A build of the program that is linked with -static has no counts.
 */
#ifndef OUTLIVE_OUTLIVE_H
#define OUTLIVE_OUTLIVE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct outlive_stats {
	uint64_t size; /* bytes of this structure that are filled in */

	/* now */
	uint64_t live_blocks, live_bytes; /* of the heap */
	uint64_t live_threads;            /* running, the first one included */
	uint64_t unjoined_threads;        /* ended, neither joined nor detached */
	uint64_t live_fds;                /* open, as far as outlive has seen them opened */
	uint64_t live_timers;             /* timer_create, setitimer; timerfds are descriptors */

	/* since the process began, or was forked */
	uint64_t allocs, alloc_bytes, frees, free_bytes;
	uint64_t threads_created, threads_given_back; /* ended, and joined or detached */
	uint64_t fds_opened, fds_closed;
	uint64_t timers_created, timers_deleted;
	uint64_t lost; /* events that outlive could not count */
};

/* What liboutlive.so has; use the functions below. */
int outlive_read_stats_v1(struct outlive_stats *stats, uint64_t size) __attribute__((weak));
int outlive_snapshot_v1(const char *label) __attribute__((weak));

/* A program that is not position-independent takes a weak function that is missing when it is
 * linked for missing for ever; then dlsym is asked, weakly for the sake of older libcs. */
static void *outlive_dlsym_(void *handle, const char *name) __attribute__((weakref("dlsym")));

/*
 * Fills in *stats. 0, or -1 when the process is not profiled; then all of it is 0. The counts are
 * read without stopping other threads. Any thread, not in signal handlers; cost: a few microseconds
 * and 10 ns for each call stack that has allocated.
 */
static inline int outlive_read_stats(struct outlive_stats *stats)
{
	static struct outlive_stats none;
	int (*volatile read_stats)(struct outlive_stats *, uint64_t) = outlive_read_stats_v1;

	if (!read_stats && outlive_dlsym_)
		*(void *volatile *)&read_stats = outlive_dlsym_((void *)0, "outlive_read_stats_v1");
	*stats = none;
	return read_stats ? read_stats(stats, sizeof(*stats)) : -1;
}

/*
 * Writes a snapshot that carries the label, and returns when it is there: 0, or -1 when the process
 * is not profiled or the file could not be written.
 */
static inline int outlive_snapshot(const char *label)
{
	int (*volatile snapshot)(const char *) = outlive_snapshot_v1;

	if (!snapshot && outlive_dlsym_)
		*(void *volatile *)&snapshot = outlive_dlsym_((void *)0, "outlive_snapshot_v1");
	return snapshot ? snapshot(label) : -1;
}

#ifdef __cplusplus
}
#endif

#endif
