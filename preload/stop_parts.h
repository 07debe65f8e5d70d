/*
 * stop_parts.h - what the files of the stop share; nobody else includes it.
 *
 *     stop.c          the asking thread: refusals, the helper's life, release
 *     stop_helper.c   the helper: the list of threads, who is stopped how, the end
 *     stop_ptrace.c   by ptrace, in the helper
 *     stop_signal.c   by the control signal: sent by the helper, obeyed in its handler
 *     stop_proc.c     what /proc says about a thread, in the helper
 */
#ifndef OUTLIVE_STOP_PARTS_H
#define OUTLIVE_STOP_PARTS_H

#include "stop.h"

/* Who is at it: s->phase. Each is set by the one that the other waits for. */
enum stop_phase {
	PHASE_LOOK,    /* helper: looks around */
	PHASE_READY,   /* asker: takes its locks */
	PHASE_STOP,    /* helper: stops them */
	PHASE_STOPPED, /* asker: does what it wanted this for */
	PHASE_RELEASE, /* helper: lets them go; from any phase before */
	PHASE_DONE     /* helper is past its last access to s */
};

/* Waits until *word is not `value`, at most until then. False: it still is. */
bool stop_wait(const uint32_t *word, uint32_t value, uint64_t until_ns);
void stop_wake(const uint32_t *word);
/* False: it was not `from` any more. */
bool stop_turn(struct stop *s, uint32_t from, uint32_t to);

/* ---- stop_helper.c ---- */

void stop_helper(void *stop);

/* ---- stop_proc.c, in the helper ---- */

/* What the kernel tells of a thread; masks as the kernel has them, signal 1 is bit 0. */
struct stop_status {
	char state; /* R S D T t Z X, 0: there is none */
	int64_t tracer;
	int64_t filters; /* of seccomp; 0 where the kernel does not count them, see locked */
	bool locked;     /* has filters, or strict mode */
	uint64_t pending, shared_pending, blocked, caught;
	uint64_t fd_room; /* descriptors are below that */
};
char stop_proc_state(const struct stop *s, int tid);
bool stop_proc_status(const struct stop *s, int tid, struct stop_status *st);
/* call, args, before_sp, before_pc. False: the kernel does not let us know. */
bool stop_proc_call(const struct stop *s, struct stop_thread *t);
/* tid's first characters of its command's name. */
void stop_proc_name(int64_t pid, char *name, size_t size);
int stop_proc_list(const struct stop *s, void (*fn)(uint32_t tid, void *arg), void *arg);

/* ---- stop_ptrace.c, in the helper ---- */

/* 0, or -errno: it cannot be had this way. */
int stop_ptrace_begin(struct stop_thread *t);
void stop_ptrace_await(struct stop *s, struct stop_thread *t);
void stop_ptrace_release(const struct stop *s, struct stop_thread *t);

/* ---- stop_signal.c ---- */

/* Asker: closes the gate behind which the handlers wait; false when there is no signal for it. */
bool stop_signal_close(struct stop *s);
void stop_signal_open(struct stop *s);
void stop_signal_fork_child(void);
/* A handler that the last stop did not wait for is at its table still. */
bool stop_signal_is_late(void);
/* Registers from a signal's ucontext_t. */
void stop_note_context(struct stop_thread *t, const void *ucontext);
/* Helper. A thread's state as stop_proc_state() has it, or B (b: it runs): the signal must not be
 * sent to it, or it blocks it. Fills in its call. */
char stop_signal_state(struct stop *s, struct stop_thread *t);
/* 0, or -errno: it cannot be had this way. */
int stop_signal_begin(struct stop *s, uint32_t index);
void stop_signal_await(struct stop *s, struct stop_thread *t);

#endif
