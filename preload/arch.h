/*
 * arch.h - the processor. What only one of them has stands in its own files, and nowhere else:
 *
 *     arch_<processor>.h      what must be inline: system calls, numbers of registers, sizes
 *     arch_<processor>.c      registers in a signal's frame and in ptrace's (arch_regs.h)
 *     arch_<processor>.S      stacks that are changed, and left
 *     hook_<processor>.S      exported functions that must have no frame of ours
 *
 * Each is empty for the others. Any context; nothing here touches errno, and nothing but
 * arch_thread_pointer() the thread's own memory.
 */
#ifndef OUTLIVE_ARCH_H
#define OUTLIVE_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * zlib's CRC-32 of the first bytes, of the state c and on: 16 bytes are left of them, which lead
 * from the state 0 to the same. Returns how many; 0 where the processor has nothing for that, or
 * too few are there.
 */
size_t arch_crc_fold(uint32_t c, const uint8_t *p, size_t n, uint8_t rest[16]);

/*
 *	long arch_call6(n, a, b, c, d, e, f)    a system call: what the kernel returns, -errno
 *	void arch_pause(void)                   while one spins
 *	uintptr_t arch_thread_pointer(void)     where libc keeps what is a thread's own
 *	bool arch_under_valgrind(void)          by the request to which valgrind alone answers
 *	ARCH_ADD(p, n)                          *p += n, of 4 or 8 bytes, which one thread alone
 *	                                        writes: no other ever reads half of it
 *	unsigned arch_high_match(word, want, mask, *zero)
 *	                                        of four words: bits of those whose upper half under
 *	                                        mask is want; and of those whose upper half is 0
 *	bool arch_words_same(from, at, i, base)
 *	                                        of each struct arch_words at from + at[k], for k
 *	                                        from i, negative, up to -1: its values are what lies
 *	                                        at its offsets above base
 *	unsigned arch_tag_match(word, want, *zero)
 *	                                        of sixteen halves of words, in one cache line: bits
 *	                                        of those whose upper byte is want's; and of those
 *	                                        that are 0
 *	ARCH_CALLER_SP()                        in a function with a frame pointer: the caller's sp
 *	long arch_clone_onto(flags, stack, pid, entry)
 *	                                        clone; the child begins in entry on that stack, and
 *	                                        its number is stored at pid where flags ask for it
 *	ARCH_OPAQUE(x)                          the compiler does not know what x is now
 *	ARCH_JUMP(symbol, table, index)         defines an exported function that jumps to where
 *	                                        the table's entry leads, all registers as they are
 *	ARCH_NOTE_PRESERVED(gp)                 what a call preserves, into ARCH_GP words
 *
 * Of unwinding: DWARF's numbers ARCH_CFI_FP, _SP, _RA and how many, _REGISTERS. ARCH_CFI_PC is RA,
 * or one more, where the return address is in a register that is not the instruction's place.
 *
 *	ARCH_PLAIN_FRAMES     1: a call pushes the return address, so it is the word below the CFA;
 *	                      0: it is mostly behind the saved frame pointer
 *	ARCH_CFI_HERE(r)      this very place: ARCH_CFI_REGISTERS words
 *	ARCH_CFI_KNOWN        which of them are known, bit by number
 *	ARCH_CFI_SIGN         call frame instruction without a meaning for us, or no byte
 *	arch_cfi_argument(n)  the number of a system call's argument, from 0 on
 *	arch_code(address)    of a return address that may be signed
 *	ARCH_UC_SLOTS         of the kernel's signal frame, from sp: where its registers begin
 *	ARCH_UC_AT            and its ucontext_t
 *	arch_uc_slot(number)  which of them is a register by its DWARF number
 *	ARCH_UC_FP, _SP, _PC  where three of them lie, from sp
 *
 * Of system calls: ARCH_CALL_BYTES is the instruction's size; ARCH_ARGS_KEPT is 1 where a call that
 * has returned has its arguments still, so that it can be made once more.
 * Of registers: ARCH_GP of them beside sp and pc, ARCH_GP_RESULT has what a call returns,
 *ARCH_GP_FP the frame pointer. ARCH_STOP is 0 where nobody has shown that threads can be stopped.
 * Of tables: ARCH_ELF_JUMP, _DATA, _WORD are relocations; ARCH_AUDIT is seccomp's name of it,
 * ARCH_INFO a snapshot's.
 */
#if defined(__x86_64__)
#include "arch_x86_64.h"
#elif defined(__aarch64__)
#include "arch_aarch64.h"
#else
#error "outlive is written for x86-64 and aarch64; arch.h says what another processor takes"
#endif

#endif
