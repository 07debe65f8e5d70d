/*
 * live_thread.h - what /proc shows of one thread, and its stack, read while it sleeps: only between
 * live_stacks*.c.
 */
#ifndef OUTLIVE_LIVE_THREAD_H
#define OUTLIVE_LIVE_THREAD_H

#include <sched.h>
#include <sys/types.h>

#include "util.h"
#include "wait_reason.h"

struct thread_look {
	char state;              /* R S D T t Z X; 0: there is no such thread */
	uint32_t ns_tid, tracer; /* tid in its own namespace; who traces it, 0 nobody */
	uint64_t switches;       /* how often it gave up its processor, or lost it */
	char name[64];
	bool has_call;         /* it sleeps; else it runs, or may not be looked at */
	struct wait_call call; /* restarted ones by their right number */
	int error;             /* errno of looking at its call, 0 fine */
};
/* False when the thread is gone. */
bool thread_look(pid_t pid, pid_t tid, struct thread_look *look);
/* It has not run since: all that was read of its stack meanwhile was of one moment. */
bool thread_unchanged(pid_t pid, pid_t tid, const struct thread_look *before);

/*
 * For how long it has not run at least, by the scheduler's own clock; false where the kernel does
 * not tell. Each processor has such a clock for itself, and leaves out of it what a hypervisor
 * took: two may be seconds apart. So the calling thread goes to the processor where that thread
 * last ran, if it may run there, and back.
 */
enum { THREAD_CPUS = 1024 };
struct thread_clock {
	struct thread_cpu {
		int64_t offset_ns; /* of CLOCK_MONOTONIC to this one's */
		bool asked, known;
	} cpu[THREAD_CPUS];
	cpu_set_t own; /* where the caller may run */
};
void thread_clock_open(struct thread_clock *c);
bool thread_idle(struct thread_clock *c, pid_t pid, pid_t tid, uint64_t *ns);

#endif
