/*
 * track.h - the only calls that hooks may make into the tables, and the guard.
 *
 * The guard: a thread's flags tell what it is doing when a hook is called.
 *   IN_TRACKER  our own code runs: hooks pass straight through (an event then is counted as lost)
 *   IN_HEAP     inside the real allocator: what it maps or allocates itself is not the program's
 * Rules: the flag first, a lock of ours second. Release-type calls (free, close) are recorded
 * before the real call, acquire-type after it: else another thread may be given the same address or
 * number in between. Never hold IN_TRACKER over a call that blocks, runs user code or does not
 * return. errno is the caller's: whoever sets IN_TRACKER in a hook keeps it unchanged.
 */
#ifndef OUTLIVE_TRACK_H
#define OUTLIVE_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sample.h"
#include "sys.h"

/* PAST_END is track_thread_end()'s own: what comes after it leases a context for each event. */
enum { IN_TRACKER = 1u, IN_HEAP = 2u, PAST_END = 4u };

struct task;   /* a thread's record: task.h */
struct ctx;    /* a thread's counters and caches, leased: context.h */
struct record; /* a stack that was seen: predict.h */

/* One cache line; what each call of the malloc family looks at comes first. */
struct self {
	uint32_t flags;
	/* Calls of the malloc family, wrapping; in sampled mode, of allocations only those that the
	 * samples stand for. See track_heap_mark(). */
	uint32_t n_heap;
	/* ctx, from the thread's first event of the heap on, if these are recorded, and exactly:
	 * then track_plain.c need not ask. Else NULL. */
	struct ctx *exact;
	/* Sampled mode: bytes before the next sample point, and where its random numbers are
	 * (sample.h). In exact mode left is 0 for ever. */
	uint64_t left;
	union {
		uint64_t random;
		struct record *guess; /* exact mode, during the real malloc: predict.h */
	};
	struct ctx *ctx;   /* NULL until the thread's first event */
	struct task *task; /* the thread's record, NULL until it is known */
	/* A block that realloc has in hand: it is in no table, nor is what it becomes. 0: none;
	 * bytes: how much of it is kept. For who looks at this thread while it is stopped.
	 */
	uintptr_t moving;
	uint64_t moving_bytes;
} __attribute__((aligned(64)));
/* Zero is valid: usable from a thread's very first instruction to its last. */
extern TLS struct self t_self __attribute__((visibility("hidden")));

/* True from the end of the first initialisation on. Hooks before that only forward. */
extern bool g_tracking __attribute__((visibility("hidden")));

/* What is recorded; hooks of the others only forward. */
enum { TRACK_HEAP = 1, TRACK_MMAP = 2, TRACK_THREADS = 4, TRACK_TIMERS = 8, TRACK_FDS = 16 };
extern uint32_t g_track_families __attribute__((visibility("hidden")));
static inline bool track_has(uint32_t family)
{
	return likely(__atomic_load_n(&g_tracking, __ATOMIC_RELAXED) && g_track_families & family);
}

/* Where the program called us: the return address, sp just after the return, and its rbp. */
struct caller {
	uintptr_t ip, sp, fp;
};
/* In an exported function compiled with frame pointers, and only there. */
#define CALLER()                                                                   \
	((struct caller){(uintptr_t)__builtin_return_address(0), ARCH_CALLER_SP(), \
	                 *(uintptr_t *)__builtin_frame_address(0)})

/* Has this thread come through malloc or the like since? One that is passed over takes something
 * from t_self.left, an empty block too; all others are counted. */
struct heap_mark {
	uint64_t left;
	uint32_t n_heap;
};
static inline struct heap_mark track_heap_mark(void)
{
	return (struct heap_mark){t_self.left, t_self.n_heap};
}
static inline bool track_heap_since(const struct heap_mark *m)
{
	return t_self.n_heap != m->n_heap || t_self.left != m->left;
}

/* What is known of a live block. */
struct block {
	uint64_t size;  /* requested bytes */
	uint32_t site;  /* table-wide number of (stack, thread): context.h */
	uint32_t birth; /* ticks since start, FMT_TICK_SHIFT */
};

/*
 * What nearly all calls are: the flags are 0, and all has been asked that does not change. Then
 * track_alloc_plain() does what track_alloc() does, whatever the flags are by now, and leaves them
 * 0; it returns p, and has the caller's three words by value. track_alloc_guessed() is told what
 * was guessed before the real call, so that the guess was fetched meanwhile. track_free_plain()
 * does what track_free() does, or nothing and returns false. track_free_ahead() does the same, and
 * leaves IN_HEAP: the real call comes next. For track.h and the hooks of malloc and free.
 */
static inline bool track_is_plain(void)
{
	return likely(t_self.exact && !t_self.flags);
}
void *track_alloc_plain(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp);
void *track_alloc_guessed(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp,
                          struct record *guess);
bool track_free_ahead(const void *p);
bool track_free_plain(const void *p);
bool track_free_plain_was(const void *p, struct block *was);

/*
 * A block was made by the real allocator. p may be NULL: nothing is recorded.
 * Any thread, any time; keeps errno. Never fails: what cannot be kept is counted as lost.
 * In sampled mode most calls end here: a subtraction and a branch.
 */
void track_alloc_seen(const void *p, size_t bytes, const struct caller *from);
static inline __attribute__((always_inline)) void track_alloc(const void *p, size_t bytes,
                                                              const struct caller *from)
{
	if (track_is_plain()) {
		track_alloc_plain((void *)(uintptr_t)p, bytes, from->ip, from->sp, from->fp);
		return;
	}
	/* As sample_draw() would. */
	if (bytes < t_self.left)
		t_self.left -= bytes + 1;
	else
		track_alloc_seen(p, bytes, from);
}
/* A block is about to be given back. False when it was never seen (counted as unknown, unless in
 * the tracker, or in sampled mode, where that is the rule). was: filled in when not NULL and known,
 * for track_restore(). */
bool track_free_exact(const void *p, struct block *was);
bool track_free_sampled(const void *p, struct block *was);
static inline __attribute__((always_inline)) bool track_free(const void *p, struct block *was)
{
	if (track_is_plain() && (was ? track_free_plain_was(p, was) : track_free_plain(p)))
		return true;
	if (likely(!g_sample_period))
		return track_free_exact(p, was);
	return unlikely(sample_may_live((uintptr_t)p)) && track_free_sampled(p, was);
}
/* The real call failed after track_free(): the block lives on. Undoes the counting. */
void track_restore(const void *p, const struct block *was);

/* Around a realloc of p, from before track_free() until it is in the table again (p NULL); bytes of
 * it are kept. */
static inline void track_moving(const void *p, uint64_t bytes)
{
	t_self.moving_bytes = bytes;
	__atomic_store_n(&t_self.moving, (uintptr_t)p, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Events by reason that could not be recorded; numbers are FMT_AUDIT_LOST_*. */
void track_lost(unsigned reason);

/* fork's child: forgets the threads that are gone, resets locks; tables stay (the blocks are
 * there). */
void track_fork_child(void);
/* Set by init.c: called once in each thread that leases a context, at the end of its first event
 * and with IN_TRACKER clear, so that track_thread_end() is called at its end. May be NULL. */
extern void (*g_track_thread_begin)(void) __attribute__((visibility("hidden")));
/* Set by whoever has work to do at safe points: called at the end of an event, IN_TRACKER clear, by
 * one thread in each tick that has events (4.2 ms). Keeps errno. May be NULL. */
extern void (*g_track_poll)(void) __attribute__((visibility("hidden")));
/* Set by who watches the live heap's size: called when a context leaves its window, IN_TRACKER
 * clear; before a free, then with the bytes that will go. May be NULL. */
extern void (*g_track_watch)(uint64_t going) __attribute__((visibility("hidden")));
/* Called at a thread's end (pthread key destructor): gives the context back for the next thread. */
void track_thread_end(void);

/* After a dlclose that took a module away: what was learnt of its code is void (track_module.c). */
void track_modules_changed(void);

/* ---- mappings (track_map.c); in a signal handler, too ---- */

enum { TRACK_UNMAPPED_PIECES = 16 };
/* What a call is about to take away; more pieces than these cannot be given back. */
struct track_unmapped {
	unsigned n;
	struct {
		uintptr_t start, end;
		uint32_t mapping;
	} piece[TRACK_UNMAPPED_PIECES];
};
/* After the program has mapped memory of its own. */
void track_map(uintptr_t start, size_t bytes, const struct caller *from);
/* Before a call that unmaps [start, start + bytes), of which any part may be known. */
void track_unmap(uintptr_t start, size_t bytes, struct track_unmapped *gone);
/* After it; is_gone false: it failed, and all is there still. */
void track_unmapped(const struct track_unmapped *gone, bool is_gone);

/* ---- threads (track_task.c) ---- */

/* What a new thread's trampoline is given. Lies in the thread's record, valid until the thread
 * ends. */
struct track_start {
	uintptr_t function, argument;
	uint64_t serial;
	bool blocked; /* for hook_thread.c: t_signals_blocked of who makes it */
};
struct track_new_thread {
	uintptr_t start, argument;
	bool detached;
	uint64_t stack_bytes;
};
/* Before the real pthread_create. NULL: go on without us (no room, or a call of our own). */
struct track_start *track_thread_create(const struct caller *from,
                                        const struct track_new_thread *how);
/*
 * After it, with the serial read before it. pthread: where the call has put the pthread_t; NULL:
 * there is no thread. It is looked at only where the thread has not begun: one that has may have
 * given that memory back.
 */
void track_thread_created(struct track_start *start, uint64_t serial, const uintptr_t *pthread);
/* First thing in the new thread. */
void track_thread_started(struct track_start *start);

/* A thread by its pthread_t, looked up before the real join or detach: afterwards the number may be
 * another's. */
struct track_thread {
	struct task *task;
	uint64_t serial;
};
struct track_thread track_thread_find(uintptr_t pthread);
/* After the real call has succeeded. */
void track_thread_joined(struct track_thread who, uintptr_t pthread);
void track_thread_detached(struct track_thread who);

/* ---- descriptors (track_fd.c): lock-free, for signal handlers too; nothing happens in a vfork
 * child ---- */

/* After a call that made fd (negative: nothing happens). kind: FMT_FD_*; flags: FMT_FD_FLAG_*. */
void track_fd_open(int fd, unsigned kind, unsigned flags, const struct caller *from);
/* Before close(). A FILE or DIR that stands on it makes this a foreign close. */
struct track_closed {
	bool known;      /* it was open, to our knowledge */
	uint32_t before; /* else the stack that closed it last, 0 unknown */
};
struct track_closed track_fd_close(int fd, const struct caller *from);
/* After it: EBADF on a number that was closed before is a double close. */
void track_fd_close_done(int fd, bool bad, struct track_closed was, const struct caller *from);
/* Before fclose, closedir, pclose and the like. */
void track_fd_close_stream(int fd, const struct caller *from);
/* Around a call that may close the number or not: after it, what was there before is dead. */
uint64_t track_fd_birth(int fd);
void track_fd_close_if(int fd, uint64_t birth, const struct caller *from);
/* After a successful close_range or closefrom. */
void track_fd_close_range(unsigned first, unsigned last, const struct caller *from);
/* dup2 and dup3 over an open number: a death without a close. Then track_fd_open(). */
void track_fd_replaced(int fd, const struct caller *from);
/* A FILE or DIR was put on an open number (fdopen, fdopendir). */
void track_fd_stream(int fd);
/* FMT_FD_* of an open number: what a dup of it is. */
unsigned track_fd_kind(int fd);

/* After recvmsg: those in its control data (struct msghdr). And the i-th of recvmmsg's (scm.c). */
void track_fd_message(const void *message, const struct caller *from);
const void *track_fd_nth_message(const void *messages, unsigned i);
/* After getsockopt: some options make one. */
void track_fd_option(int level, int option, const void *value, unsigned length,
                     const struct caller *from);

/* ---- what libc keeps open from one call to the next (track_kept.c); not in signal handlers ----
 */

enum track_keeper {
	KEEPER_PASSWD,
	KEEPER_GROUP,
	KEEPER_SHADOW,
	KEEPER_HOSTS,
	KEEPER_NETWORKS,
	KEEPER_PROTOCOLS,
	KEEPER_SERVICES,
	KEEPER_UTMP,
	KEEPER_SYSLOG,
	N_KEEPERS
};
enum { TRACK_KEPT_STRANGERS = 128 };
/* Descriptors whose birth nobody has told, before a call. */
struct track_kept {
	enum track_keeper keeper;
	bool looks;
	uint32_t n;
	int stranger[TRACK_KEPT_STRANGERS];
};
/* Around a call that may open something which libc then keeps. Cheap while it keeps something. */
void track_kept_before(enum track_keeper keeper, struct track_kept *k);
void track_kept_after(const struct track_kept *k, const struct caller *from);
/* After a call that gives up what the keeper has. */
void track_kept_ends(enum track_keeper keeper, const struct caller *from);

/* ---- timers (track_timer.c) ---- */

struct track_notify;
struct track_new_timer {
	uint32_t sigev, signal;      /* SIGEV_*; signal number */
	bool cpu_clock;              /* it counts CPU time */
	struct track_notify *notify; /* given back when the timer is deleted; or NULL */
};
/* After timer_create. */
void track_timer_create(uint64_t id, const struct track_new_timer *how, const struct caller *from);
/* After timer_settime; value 0: disarmed. Signal handlers, too. */
void track_timer_set(uint64_t id, uint64_t value_ns, uint64_t interval_ns);
/* Before timer_delete. */
void track_timer_delete(uint64_t id);
/* After setitimer and alarm. which: ITIMER_*. Signal handlers, too. */
void track_itimer_set(uint32_t which, uint64_t value_ns, uint64_t interval_ns,
                      const struct caller *from);

/* ---- waits, with the option trace (track_trace.c); signal handlers, too ---- */

/* Set once, at the start. False: nothing below does anything. */
extern bool g_track_waits __attribute__((visibility("hidden")));
struct trace_ring;
/* In the frame of who waits: a handler that interrupts it may wait itself. */
struct track_wait {
	struct trace_ring *ring; /* NULL: it is not recorded */
	uint64_t ring_number, begin_ns, object, outer_object, outer_ns;
	uintptr_t outer_sp;
	uint32_t what, other, outer_what, outer_other;
};
/* Before a call that may wait. kind: FMT_SPAN_*; object and other: by the kind, format.h. */
void track_wait_begin(struct track_wait *w, unsigned kind, uint64_t object, uint32_t other,
                      const struct caller *from);
/* After it, where w->ring is set. Keeps errno. Who never comes here was cancelled, or has left by
 * longjmp: the thread's next wait, or its end, tells. */
void track_wait_end(struct track_wait *w);
/* After pthread_setcanceltype: who may be cancelled anywhere must not be so in here. */
void track_wait_async(bool is_async);

/* What a SIGEV_THREAD function is called through. */
struct track_notify {
	uintptr_t function, argument;
	uint32_t stack;
	struct track_notify *next;
};
/* NULL: go on without us. */
struct track_notify *track_notify_new(uintptr_t function, uintptr_t argument,
                                      const struct caller *from);
void track_notify_free(struct track_notify *n);
/* First thing in the thread that was started for it. */
void track_notify_begin(const struct track_notify *n);

/* The calling thread's unwinding cache (context.c), NULL where there is none. */
struct stack_cache;
struct stack_cache *track_stack_cache(void);

#endif
