/*
 * trace.h - the option trace: a ring of the latest waits for each thread, alive or ended. Hooks use
 * track.h's calls; this is for init.c (beginnings, ends), process.c (fork) and the snapshot child.
 *
 * All rings together take TRACE_ALL_BYTES at most. A ring of a thread that has ended stays until a
 * new thread finds no room: then the one that ended first is forgotten, and counted.
 */
#ifndef OUTLIVE_TRACE_H
#define OUTLIVE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	TRACE_LEAST = 16,
	TRACE_MOST = 1 << 15, /* then there is room for 64 threads */
	TRACE_RINGS = 8192,
	TRACE_BRIEF_NS = 10000 /* what takes less is only counted */
};
#define TRACE_ALL_BYTES (64ul << 20)

/* Once, in the first hook. waits: how many are kept of each thread, rounded up to a power of two
 * from TRACE_LEAST to TRACE_MOST; 0: nothing is. */
void trace_init(uint64_t waits);
/* The calling thread begins, and ends; a second time nothing happens. Any flags; keep errno. */
void trace_thread_begin(void);
void trace_thread_end(void);
void trace_fork_child(void);

/* ---- for the snapshot child: lock-free, no TLS ---- */

struct trace_view {
	uint64_t number, serial, creator; /* number: the ring's own, for trace_wait() */
	uint64_t born_ns, ended_ns;       /* sys_now_ns(); ended 0: alive */
	uint32_t tid, flags, stack, unused;
	uintptr_t start;
	char name[16];   /* of an ended one */
	uint64_t cpu_ns; /* of an ended one */
	uint64_t waits, brief, brief_ns;
};
struct trace_wait {
	uint64_t begin_ns, end_ns; /* end 0: it waits still */
	uint64_t object;
	uint32_t what, other; /* trace_kind(), trace_stack() */
};
static inline unsigned trace_kind(uint32_t what)
{
	return what & 0xff;
}
static inline uint32_t trace_stack(uint32_t what)
{
	return what >> 8;
}

uint32_t trace_rings(void); /* 0..rings-1, with holes */
uint32_t trace_room(void);  /* waits in each */
bool trace_get(uint32_t ring, struct trace_view *out);
/* The wait that ended as the i-th of a ring that trace_get() has shown, if it is there still: the
 * last trace_room() are, at most. */
bool trace_wait_at(uint32_t ring, uint64_t number, uint64_t i, struct trace_wait *out);
/* The wait that goes on. */
bool trace_wait_now(uint32_t ring, uint64_t number, struct trace_wait *out);

struct trace_stats {
	uint64_t lost, forgotten, bytes;
};
void trace_stats(struct trace_stats *out);

#endif
