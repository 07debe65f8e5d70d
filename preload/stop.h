/*
 * stop.h - all other threads of the program stand still for a moment, their registers known; then
 * they go on as if nothing had been: no system call is cut short, no SIGCHLD, nothing for wait().
 *
 *	struct stop s = {0};
 *	r = stop_prepare(&s);            0, or a refusal: stop_refusal(r) says it in a sentence
 *	...                              take the locks that a stopped thread must not hold
 *	r = stop_all(&s, deadline_ns);   0: s.threads tells of each; else all run on already
 *	...                              no memory from anybody, no lock of anybody's
 *	stop_release(&s);                in any case
 *	...                              s.threads is still there
 *	stop_free(&s);
 *
 * Two ways. By ptrace, from a helper process that shares our memory: touches no stack, reaches
 * threads that block signals. Where that is not allowed (seccomp filters, strace, no core dumps,
 * Yama), by the control signal, whose handler waits. A thread that neither reaches (it is in
 * uninterruptible sleep, waits for its vfork child, blocks the signal) runs on: `lossy` says why.
 *
 * One stop at a time in a process. Any thread may ask, a signal handler too; all signals are
 * blocked on it from stop_prepare() to stop_free(). Keeps errno, allocates nothing but mappings of
 * our own, and opens nothing in the program's descriptor table, but for one look at how many
 * seccomp filters there are, where there are some.
 */
#ifndef OUTLIVE_STOP_H
#define OUTLIVE_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch_regs.h"

enum stop_state {
	STOP_GONE,     /* ended before it could be stopped */
	STOP_TRACED,   /* stands still, by ptrace */
	STOP_SIGNALED, /* stands still, in the signal's handler; sp is the interrupted one */
	STOP_ASLEEP,   /* not stopped: in a system call that goes on; only sp, pc, call and args */
	STOP_RUNS      /* not stopped, and nothing is known */
};

/* `call` of a thread that was not in one; of one that may have been */
enum { STOP_NO_CALL = -1, STOP_CALL_UNKNOWN = -2 };

struct stop_thread {
	int32_t tid;
	uint32_t state; /* enum stop_state */
	struct arch_regs regs;
	/* The system call that it was in, and still is as far as it knows. */
	int64_t call;
	uint64_t args[6];
	/* The vector registers, as xsave writes them, until the release: memory is moved through
	 * them. NULL, 0 of a thread in a system call, whose caller expects nothing of them. */
	const void *vector;
	uint64_t vector_bytes;
	/* Its alternate signal stack; 0, 0: none, or not known (all but STOP_SIGNALED) */
	uint64_t altstack, altstack_bytes;

	/* stop*.c's own */
	uint64_t before_sp, before_pc; /* of the system call in /proc, just before */
	int32_t pass_signal;           /* was being delivered when it was stopped */
	uint8_t seized, repeat, pending, asleep;
};

/* Why not all was seen, as bits. */
enum {
	STOP_LOSSY_VFORK = 1,    /* a thread waits for its vfork child */
	STOP_LOSSY_SLEEP = 2,    /* uninterruptible sleep */
	STOP_LOSSY_BLOCKED = 4,  /* no ptrace, and it blocks the signal or allows itself nothing */
	STOP_LOSSY_LATE = 8,     /* did not stop in time */
	STOP_LOSSY_ROOM = 16,    /* more threads than there was room for */
	STOP_LOSSY_REFUSED = 32, /* the kernel would neither trace nor signal it */
};
enum { STOP_LOSSY_BITS = 6 };

/* Why not at all. Returned negative. */
enum stop_refusal {
	STOP_OK,
	STOP_BUSY,        /* another stop is in flight */
	STOP_NO_MEMORY,   /* for our tables */
	STOP_NO_HELPER,   /* clone failed: s->error says why */
	STOP_NO_PROC,     /* no /proc of this pid namespace */
	STOP_LOCKED_IN,   /* the program has set a seccomp filter since its start */
	STOP_NAMESPACE,   /* a child of ours would be the first process of a new pid namespace */
	STOP_DEBUGGER,    /* gdb or the like is attached */
	STOP_USERFAULTFD, /* a thread that we stop may be the one that a copy waits for */
	STOP_TOO_LATE,    /* the deadline passed before anything was stopped */
};

enum { STOP_BY_PTRACE = 1, STOP_BY_SIGNAL = 2 };

/* AVX-512 and all before it; tile registers hold no pointers. */
#define STOP_VECTOR_BYTES 4096u

struct stop {
	/* asked; 0 is right for all of it */
	uint32_t ways;           /* STOP_BY_*; 0: whatever is best */
	const void *interrupted; /* the ucontext_t, when a signal handler asks */

	/* found */
	struct stop_thread *threads; /* not the asking one, which is: */
	struct stop_thread self;     /* without `interrupted`: sp is stop_all's own */
	uint32_t count, capacity;
	uint32_t way;   /* STOP_BY_* that was taken */
	uint32_t lossy; /* STOP_LOSSY_* */
	uint32_t error; /* errno behind a refusal */
	uint32_t n_stopped;
	/* sys_now_ns(): the first thread is touched, the last stands, the last runs again */
	uint64_t first_ns, stopped_ns, running_ns;

	/* stop*.c's own */
	int32_t pid, asker;
	int32_t refusal;
	uint32_t helper, has_calls, fd_room, looked;
	uint32_t phase;   /* futex */
	uint32_t arrived; /* futex: handlers that have written their registers */
	uint32_t gate;
	uint64_t deadline_ns, mask;
	size_t bytes;
	char *vectors; /* STOP_VECTOR_BYTES for each thread, touched where needed */
};

/*
 * Everything that takes time or memory. Of s only what is asked is looked at. 0 or -enum
 * stop_refusal; after a refusal s needs no stop_free().
 */
int stop_prepare(struct stop *s);
/*
 * Stops them, until none is left or sys_now_ns() has reached the deadline: those that were too late
 * are marked. 0 or -enum stop_refusal, then all run.
 */
int stop_all(struct stop *s, uint64_t deadline_ns);
/* Lets them go on. Once, however stop_all() ended. */
void stop_release(struct stop *s);
/* Ends the helper and gives the memory back; releases first, if that was not done. */
void stop_free(struct stop *s);

/* One sentence without a final stop: why there was no stop; why thread data is missing (one bit).
 */
const char *stop_refusal(int refusal);
const char *stop_lossy(uint32_t bit);

/* In fork's child: no stop is in flight. */
void stop_fork_child(void);

/* For the control signal's handler: true when the signal was ours, and has been waited for and made
 * undone. */
bool stop_on_signal(const void *siginfo, void *ucontext);
/* It is one of those. */
bool stop_is_order(const void *siginfo);

#endif
