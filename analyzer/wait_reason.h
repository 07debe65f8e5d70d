/*
 * wait_reason.h - what a thread waits for, from its system call: the number and the six arguments
 * that /proc/PID/task/TID/syscall shows, or that somebody has kept of it.
 *
 *	wait_call_parse(text, &call)         "202 0x7f.. 0x80 ...": as /proc writes it
 *	wait_reason_decode(&call, &reason)   kind, descriptor, address, limit of time; reads nothing
 *	wait_reason_function(&reason, name)  for each frame, innermost first: what a futex is to
 *libc wait_reason_words(&str, &reason)     "mutex 0x55.., held by thread 12"
 */
#ifndef OUTLIVE_WAIT_REASON_H
#define OUTLIVE_WAIT_REASON_H

#include "machine.h"
#include "util.h"

/* W(name, word, word in JSON). The word is what stands in "thread 12 [word, 3 minutes]:". */
#define WAIT_KINDS(W)                                              \
	W(RUNNING, "running", "running")                           \
	W(UNKNOWN, "blocked", "unknown")                           \
	W(ENDED, "ended", "ended")                                 \
	W(STOPPED, "stopped", "stopped")                           \
	W(MEMORY, "memory", "memory") /* not in a call: a fault */ \
	W(FUTEX, "futex", "futex")                                 \
	W(MUTEX, "mutex", "mutex")                                 \
	W(COND, "condition variable", "condition variable")        \
	W(RWLOCK, "read-write lock", "rwlock")                     \
	W(SEM, "semaphore", "semaphore")                           \
	W(BARRIER, "barrier", "barrier")                           \
	W(ONCE, "initialization", "once")                          \
	W(LOCK, "lock of libc", "lock")                            \
	W(JOIN, "join", "join")                                    \
	W(READ, "read", "read")                                    \
	W(WRITE, "write", "write")                                 \
	W(RECV, "recv", "recv")                                    \
	W(SEND, "send", "send")                                    \
	W(ACCEPT, "accept", "accept")                              \
	W(CONNECT, "connect", "connect")                           \
	W(POLL, "poll", "poll")                                    \
	W(SELECT, "select", "select")                              \
	W(EPOLL, "epoll", "epoll")                                 \
	W(SLEEP, "sleep", "sleep")                                 \
	W(CHILD, "wait for a child", "waitpid")                    \
	W(SIGNAL, "wait for a signal", "signal")                   \
	W(FLOCK, "file lock", "flock")                             \
	W(MESSAGE, "message queue", "msg")                         \
	W(IO, "asynchronous I/O", "io")                            \
	W(CALL, "system call", "syscall")

enum wait_kind {
#define WAIT_ENUM(name, word, json) WAIT_##name,
	WAIT_KINDS(WAIT_ENUM)
#undef WAIT_ENUM
	        WAIT_KIND_COUNT
};

/* As in /proc/PID/task/TID/syscall. */
enum { WAIT_NO_CALL = -1 };
struct wait_call {
	int64_t number; /* WAIT_NO_CALL: it sleeps elsewhere, as in a page fault */
	uint64_t args[6];
	uint64_t sp, pc;
};

struct wait_reason {
	enum wait_kind kind;
	int64_t number;    /* of the system call, or WAIT_NO_CALL */
	int64_t fd;        /* or -1 */
	const char *names; /* what the descriptor is: interned, or NULL */
	uint64_t address;  /* of the futex word, or what poll and select look at; or 0 */
	uint32_t n_fds;    /* of poll and select */
	uint32_t expected; /* what a futex word is waited to leave */
	bool timed;        /* it ends by itself */
	bool shared;       /* a futex that other processes may wake */
	bool inherits;     /* a futex whose word is its owner (priority inheritance) */
	bool by_function;  /* kind was told by a function's name */
	uint32_t owner;    /* tid of who holds it, or of who is joined; 0 unknown or none */
	bool owner_ended;  /* and there is no such thread any more */
	int64_t child;     /* of WAIT_CHILD: pid, -1 any, below: a group */
};

/* False for "running", and for what is nothing of the kind. */
bool wait_call_parse(const char *text, struct wait_call *call);
/*
 * A call that goes on after a stop is restart_syscall to the kernel. The 24 bytes of code before pc
 * tell which it was: sets call->number when they do.
 */
enum { WAIT_CODE_BYTES = 24 };
void wait_call_restarted(struct wait_call *call, const uint8_t code[WAIT_CODE_BYTES]);
/* The arguments stay unread where they are addresses. */
void wait_reason_decode(const struct wait_call *call, struct wait_reason *r);
/* A wait for a futex of which nothing else is known. */
void wait_reason_futex(struct wait_reason *r);
/* `name` of a frame's function, NULL unknown; the outermost that says something is right. */
void wait_reason_function(struct wait_reason *r, const char *name);

const char *wait_kind_word(enum wait_kind kind);
const char *wait_kind_json(enum wait_kind kind);
/* A call's name as in syscalls(2), or its number. */
const char *wait_call_name(char buf[32], int64_t number);
/* What it is in particular: "0x7f..12 held by thread 5", "fd 3 (tcp 127.0.0.1:80, listening)"; adds
 * nothing when there is nothing to say. */
void wait_reason_words(struct str *s, const struct wait_reason *r);

#endif
