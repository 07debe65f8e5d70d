/*
 * arch_regs.h - a thread's registers where the kernel shows them: in the frame of a signal, and to
 * who traces it. Any context; async-signal-safe, no libc.
 */
#ifndef OUTLIVE_ARCH_REGS_H
#define OUTLIVE_ARCH_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch.h"

/* gp: all but sp, in arch.h's order, as the program sees them: in a system call the result's is its
 * number or what it has answered. */
struct arch_regs {
	uint64_t gp[ARCH_GP];
	uint64_t sp, pc, fs_base; /* fs_base: the thread pointer; 0: unknown */
};

/* The calling thread's pointer by the kernel's word, which a thread without one has, too. */
uint64_t arch_thread_base(void);

/* ---- in the frame of a signal (ucontext_t) ---- */

void arch_uc_note(const void *ucontext, struct arch_regs *out);
enum arch_register { ARCH_ARG0, ARCH_RESULT = 6, ARCH_SP, ARCH_PC };
/* Where one of them stands; arguments of system calls count from ARCH_ARG0. */
int64_t *arch_uc_register(void *ucontext, enum arch_register which);
/* All, by DWARF's numbers. */
static inline void arch_uc_cfi(const void *ucontext, uint64_t r[ARCH_CFI_REGISTERS])
{
	const uint64_t *slots = (const uint64_t *)ucontext + (ARCH_UC_SLOTS - ARCH_UC_AT) / 8;

	for (unsigned i = 0; i < ARCH_CFI_REGISTERS; i++)
		r[i] = slots[arch_uc_slot(i)];
}
/* The vector registers, in the frame itself; NULL: none. */
const void *arch_uc_vector(const void *ucontext, uint64_t *bytes);

/* Is the instruction at `code` a system call? ARCH_CALL_BYTES are read. */
bool arch_is_call(const void *code);
/* The number of the call that was interrupted behind the system call that ends `code`, which is
 * `bytes` long; -1: it cannot be told. */
long arch_uc_number(const void *ucontext, const uint8_t *code, size_t bytes);
/* Can the handler be left so that the kernel goes on with the call that it has kept for the thread
 * (restart_syscall), instead of by rt_sigreturn, which forgets it? */
bool arch_uc_can_restart(const void *ucontext);
void arch_uc_restart(const void *ucontext) __attribute__((noreturn));

/* ---- to who traces it (struct user_regs_struct) ---- */

void arch_user_note(const void *user_regs, struct arch_regs *out);
/* The call that it is in and its arguments; -1: none. */
int64_t arch_user_call(const void *user_regs, uint64_t args[6]);
int64_t arch_user_result(const void *user_regs);
/* Makes the call once more. */
void arch_user_repeat(void *user_regs, int64_t call);

/* ---- code ---- */

/* What a signal handler returns to: ARCH_SIGRETURN_BYTES are read, at least 8. */
bool arch_is_sigreturn(const void *code);

/*
 * Does `code` make a frame pointer, in its first ARCH_FRAME_CODE bytes (0: none does here)? And how
 * much the ARCH_FRAME_AFTER bytes behind those take from the stack, as compilers write it.
 */
enum { ARCH_FRAME_AFTER = 48 };
bool arch_makes_frame(const uint8_t *code);
size_t arch_frame_bytes(const uint8_t *after);
/* Is a call the last of these 8 bytes? */
bool arch_ends_in_call(const uint8_t *code);

/* fn(arg) on another stack. */
void arch_call_on(void *stack_top, void (*fn)(void *), void *arg);
/* fn() on another stack. `out`, as it is written here, leads to its return while it runs. */
struct arch_place {
	uint64_t pc, sp, fp;
};
void arch_call_caught(void *stack_top, void (*fn)(void), struct arch_place *out);
/* A handler that returns goes there, instead of to where it interrupted. */
void arch_uc_go(void *ucontext, const struct arch_place *to);
/* A handler's return: rt_sigreturn by the bytes that unwinders know. */
void arch_sigreturn(void);

#endif
