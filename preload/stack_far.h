/*
 * stack_far.h - the stack of a thread that sleeps, from outside: from the few registers that the
 * kernel tells of it, by the modules' own tables. Nothing is kept, no lock is taken, no TLS is
 * used, and the stack itself is read by the kernel, which refuses where we would fault. For the
 * snapshot child, and for whoever takes a snapshot in a signal handler. stack_far.c.
 */
#ifndef OUTLIVE_STACK_FAR_H
#define OUTLIVE_STACK_FAR_H

#include "cfi.h"

enum { STACK_FAR_MOST = 96, STACK_FAR_WINDOW = 1024, STACK_FAR_CODE = 1024 };

struct stack_far_frame {
	uintptr_t ip;
	uint16_t module; /* its number; 0: none, or none that is known yet */
	uint16_t flags;  /* FMT_NODE_* */
};
/* The result, and room to work in: some 15 kB, too much for the program's stacks. */
struct stack_far {
	struct stack_far_frame frame[STACK_FAR_MOST]; /* innermost first */
	uint32_t n;
	struct cfi_work work;
	uint32_t pid; /* whose memory: as this thread's pid namespace numbers it */
	uintptr_t window;
	uint32_t window_words;
	uint64_t word[STACK_FAR_WINDOW];
	uint8_t code[STACK_FAR_CODE + 64];
};

/*
 * Walks from `regs`, of which sp and ip (CFI_PC) must be known, into f->frame. ip is exact, or
 * stands behind a call or a system call. The outermost frame is flagged where the way is not known
 * any further, or is longer than there is room.
 */
void stack_far_walk(struct stack_far *f, uint32_t pid, const struct cfi_regs *regs, bool is_exact);

/* Is there a system call's instruction? */
bool stack_far_is_call(uint32_t pid, uintptr_t address);

#endif
