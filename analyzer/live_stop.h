/*
 * live_stop.h - one thread of another process stands still for as long as it takes to copy its
 * registers and its stack; then it goes on as if nothing had been: its system call is not cut
 * short, signals reach it.
 */
#ifndef OUTLIVE_LIVE_STOP_H
#define OUTLIVE_LIVE_STOP_H

#include "dwarf_unwind.h"
#include "live_maps.h"
#include "wait_reason.h"

/* A copy of memory, from `start` on. Zero is valid and empty; free(data). */
struct live_copy {
	uint64_t start;
	size_t n, cap;
	uint8_t *data;
};
/* Copies the stack that sp is in, up to its mapping's end, `most` bytes at most. */
void live_copy_stack(struct live_copy *c, pid_t pid, const struct live_maps *maps, uint64_t sp,
                     size_t most);

struct live_stopped {
	struct unwind_regs regs;
	struct wait_call call; /* that it was in, and is in again; WAIT_NO_CALL: none */
	uint64_t stopped_ns;   /* from our request until it went on: at most that long it stood */
	bool anew;             /* the call's limit of time has begun anew */
};
enum live_stop_result {
	LIVE_STOP_DONE,
	LIVE_STOP_GONE,   /* it has ended */
	LIVE_STOP_LATE,   /* it did not stop: in a sleep that nothing ends, or a vfork's parent */
	LIVE_STOP_REFUSED /* errno says why */
};
/*
 * The call is one that a stop ends with EINTR, and that has a limit of time: made once more, it
 * would wait longer than it was asked to. pidfd: of the process, or -1.
 */
bool live_stop_lengthens(int pidfd, const struct wait_call *call);
/*
 * Blocks all signals of the caller meanwhile. After LIVE_STOP_LATE the kernel still holds our
 * request: live_stop_forget() withdraws it when the thread can take it, or when we end.
 */
enum live_stop_result live_stop(pid_t pid, pid_t tid, const struct live_maps *maps, size_t most,
                                struct live_copy *copy, struct live_stopped *out);
void live_stop_forget(void);

#endif
