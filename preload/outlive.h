/*
 * outlive.h - for tests that want to know what they leave behind, and programs that want to look at
 * their own counts, or write a snapshot at a moment of their choice. MIT license, as all of
 * outlive. One header, C and C++, nothing to link: a program that includes it runs as well without
 * liboutlive.so, and then has no counts.
 *
 *     outlive_test_begin("parser");            (what it makes carries the name)
 *     run_the_test();
 *     struct outlive_verify v = {0};
 *     if (outlive_verify_none(&v))
 *             fail(v.text);
 *     outlive_test_end();
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

/* What to look at, and what was found: outlive_verify_none(). Zero is all, and a second. */
#define OUTLIVE_HEAP    1u /* blocks that nothing points to any more */
#define OUTLIVE_THREADS 2u
#define OUTLIVE_TIMERS  4u
#define OUTLIVE_FDS     8u
#define OUTLIVE_GROWTH  16u /* of the heap, all that was made and not freed; instead of HEAP */

struct outlive_verify {
	uint32_t what; /* OUTLIVE_*; 0: HEAP, THREADS, TIMERS and FDS */
	uint32_t
	        settle_ms; /* how long threads may take to end, and to close what they have: 1000 */

	/* filled in: how many are left */
	uint64_t blocks, bytes, threads, timers, fds;
	uint32_t by_names;     /* 1: rules and suppressions by names were heeded, text has names */
	uint32_t heap_unknown; /* 1: which blocks are lost could not be found out; text tells why */
	char text[4000];       /* for a person; "" when nothing is left */
};

/* What liboutlive.so has; use the functions below. */
int outlive_read_stats_v1(struct outlive_stats *stats, uint64_t size) __attribute__((weak));
int outlive_snapshot_v1(const char *label) __attribute__((weak));
int outlive_test_v1(int begin, const char *name) __attribute__((weak));
int outlive_intend_v1(int what, uint64_t id) __attribute__((weak));
int outlive_verify_v1(struct outlive_verify *v, uint64_t size) __attribute__((weak));

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

/* ---- tests ---- */

static inline int outlive_test_(int begin, const char *name)
{
	int (*volatile test)(int, const char *) = outlive_test_v1;

	if (!test && outlive_dlsym_)
		*(void *volatile *)&test = outlive_dlsym_((void *)0, "outlive_test_v1");
	return test ? test(begin, name) : -1;
}

/*
 * From here to the end, or to the next beginning, what is made belongs to the test: reports of
 * `outlive run --check` name it. One test at a time in a process, whichever thread begins it; a
 * child of fork goes on with its parent's. 0, or -1 when the process is not profiled.
 */
static inline int outlive_test_begin(const char *name)
{
	return outlive_test_(1, name ? name : "");
}
static inline int outlive_test_end(void)
{
	return outlive_test_(0, (const char *)0);
}

/* From here on outlive_verify_none() looks. A test's beginning is one, too. */
static inline int outlive_checkpoint(void)
{
	return outlive_test_(1, (const char *)0);
}

/*
 * Is anything left of what was made since the checkpoint, in whichever thread: blocks that nothing
 * points to any more, threads that run or that nobody has joined, timers, descriptors? Waits a
 * little for threads, timers and descriptors to go. v (NULL: zero) says what to look at, and is
 * filled in. Returns how many are left; 0: none, or the process is not profiled.
 *
 * Under `outlive run` the analyzer judges: by its rules, --suppressions among them, and with names
 * in the text. Without it there are counts, and the text says so. Other threads stand still while
 * blocks are looked for, in proportion to the heap; nothing is looked for where none were made.
 */
static inline int outlive_verify_none(struct outlive_verify *v)
{
	int (*volatile verify)(struct outlive_verify *, uint64_t) = outlive_verify_v1;
	int left;

	if (!verify && outlive_dlsym_)
		*(void *volatile *)&verify = outlive_dlsym_((void *)0, "outlive_verify_v1");
	if (v)
		v->text[0] = 0;
	left = verify ? verify(v, sizeof(*v)) : 0;
	return left > 0 ? left : 0;
}

/* ---- what is meant to stay ---- */

static inline int outlive_intend_(int what, uint64_t id)
{
	int (*volatile intend)(int, uint64_t) = outlive_intend_v1;

	if (!intend && outlive_dlsym_)
		*(void *volatile *)&intend = outlive_dlsym_((void *)0, "outlive_intend_v1");
	return intend ? intend(what, id) : -1;
}

/* Neither outlive_verify_none() nor the end of the process complain of it, nor of blocks that an
 * intended block points to. 0, or -1: not known, or not profiled. */
static inline int outlive_intend_block(const void *block)
{
	return outlive_intend_(0, (uint64_t)(uintptr_t)block);
}
static inline int outlive_intend_fd(int fd)
{
	return outlive_intend_(1, (uint64_t)fd);
}
/* A pthread_t. */
static inline int outlive_intend_thread(uint64_t thread)
{
	return outlive_intend_(2, thread);
}
/* A timer_t of timer_create; a timerfd is a descriptor. */
#define outlive_intend_timer(timer) outlive_intend_(3, (uint64_t)(uintptr_t)(timer))

/* A scope: what this thread makes in it is meant to stay. May lie in another one. */
static inline int outlive_ignore_begin(void)
{
	return outlive_intend_(-1, 0);
}
static inline void outlive_ignore_end(int scope)
{
	if (scope > 0)
		outlive_intend_(-2, (uint64_t)scope);
}
static inline void outlive_ignore_end_(const int *scope)
{
	outlive_ignore_end(*scope);
}
/* From here to the end of the block, however it is left: OUTLIVE_IGNORE; in C and C++. */
#define OUTLIVE_JOIN2_(a, b) a##b
#define OUTLIVE_JOIN_(a, b)  OUTLIVE_JOIN2_(a, b)
#define OUTLIVE_IGNORE                                                                 \
	__attribute__((cleanup(outlive_ignore_end_), unused)) const int OUTLIVE_JOIN_( \
	        outlive_ignore_, __LINE__) = outlive_ignore_begin()

#ifdef __cplusplus
}

namespace outlive
{
/* The same as an object. */
class ignore_scope
{
      public:
	ignore_scope() : scope_(outlive_ignore_begin())
	{
	}
	~ignore_scope()
	{
		outlive_ignore_end(scope_);
	}
	ignore_scope(const ignore_scope &) = delete;
	ignore_scope &operator=(const ignore_scope &) = delete;

      private:
	int scope_;
};
} // namespace outlive
#endif

#endif
