/*
 * live_stacks.h - the present stacks of all threads of a live process, and what each waits for.
 * Works on any x86-64 process that we may look at, with liboutlive.so or without.
 *
 * Threads that sleep are read while they sleep: that none of them ran meanwhile is proven, so a
 * stack is of one moment. Threads that run, and sleeping ones whose callers cannot be found without
 * registers that only the kernel has, are stopped for the time of a copy (live_stop.h), one after
 * the other: the stacks of two threads are not of the same moment.
 */
#ifndef OUTLIVE_LIVE_STACKS_H
#define OUTLIVE_LIVE_STACKS_H

#include <sys/types.h>

#include "profile.h"
#include "rules.h"
#include "wait_reason.h"

struct live_thread {
	uint32_t tid, ns_tid;
	const char *name;
	const char *why; /* a sentence on what is missing of the stack; NULL: nothing */
	uint32_t stack;  /* index into snapshot->stack[]; 0 when there is none */
	/* Of a process that runs with liboutlive.so; serial 0: not known. */
	uint32_t made;           /* stack in which it was made; 0 not known */
	uint64_t serial, age_ns; /* since it was made */
	struct live_creator {
		uint64_t serial; /* 0 not known */
		uint32_t tid;    /* 0: it lives no more */
	} creator;
	const struct rule *idle; /* says that it waits for work; NULL */
	uint64_t stopped_ns;
	uint64_t idle_ns; /* since it last ran */
	struct wait_reason wait;
	uint64_t switches; /* of live_locks.c: it has not run since */
	struct wait_call call;
	char state;         /* as in /proc: R S D T t Z */
	bool stopped, anew; /* it was stopped; its call's limit of time began anew */
	bool idle_known, has_call;
};

/* Threads of one stack and one kind of wait, the largest first, idle ones last. */
struct live_group {
	uint32_t first, n; /* live_stacks.thread[first..first + n) */
	bool idle;         /* all of them, by one rule */
};

/* Threads each of which waits for the next, the last for the first; or one that waits for what
 * never comes: a lock that it holds itself, or whose owner has ended. */
enum live_dead { LIVE_DEAD_CYCLE, LIVE_DEAD_SELF, LIVE_DEAD_OWNER_ENDED };
struct live_deadlock {
	enum live_dead kind;
	uint32_t n;
	uint32_t *thread; /* [n]: indices into thread[] */
	uint32_t behind;  /* other threads that wait for one of them, near or far */
};

struct live_stacks {
	struct snapshot *snapshot; /* who, modules, symbolized locations, stacks */
	struct live_thread *thread;
	uint32_t n_threads;
	struct live_group *group;
	uint32_t n_groups;
	struct live_deadlock *deadlock;
	uint32_t n_deadlocks;
	uint32_t n_stopped, n_anew, n_unread; /* threads */
	uint64_t stopped_max_ns;
	const char *runtime; /* a sentence to be said before all stacks, or NULL */
};

struct live_options {
	bool no_stop;              /* stop no thread, whatever is missing then */
	bool no_names;             /* no look-up of names */
	bool no_made;              /* leave liboutlive.so's tables alone */
	const struct rules *rules; /* those of the kind "idle" count; NULL: none. They may be in use
	                              as long as the result is */
};
/* *out is NULL on error: no such process, or we may not look at it, and err says who may. */
int live_stacks_take(pid_t pid, const struct live_options *o, struct live_stacks **out,
                     struct err *err);
void live_stacks_free(struct live_stacks *l); /* NULL is fine */

#endif
