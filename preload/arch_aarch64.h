/*
 * arch_aarch64.h - what arch.h describes, for aarch64. Stacks are walked whole each time,
 * which is right, and slower than where plain frames are. Owns nothing. Context: any.
 */
#ifndef OUTLIVE_ARCH_AARCH64_H
#define OUTLIVE_ARCH_AARCH64_H
#ifdef __aarch64__

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "arch_words.h"

static inline long arch_call6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
	                 : "memory");
	return x0;
}

static inline void arch_pause(void)
{
	__asm__ volatile("yield");
}

static inline uintptr_t arch_thread_pointer(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

static inline bool arch_under_valgrind(void)
{
	uint64_t request[6] = {0x1001};
	register uint64_t answer __asm__("x3") = 0;
	register uint64_t *at __asm__("x4") = request;

	/* Turned by 128 bits in all: nothing, but to valgrind, which knows these five. */
	__asm__ volatile("ror x12, x12, #3\n\tror x12, x12, #13\n\tror x12, x12, #51\n\t"
	                 "ror x12, x12, #61\n\torr x10, x10, x10"
	                 : "+r"(answer)
	                 : "r"(at)
	                 : "cc", "memory");
	return answer != 0;
}

#define ARCH_ADD(p, n)                                                                        \
	__atomic_store_n((p), __atomic_load_n((p), __ATOMIC_RELAXED) + (__typeof__(*(p)))(n), \
	                 __ATOMIC_RELAXED)

static inline unsigned arch_high_match(const uint64_t word[4], uint32_t want, uint32_t mask,
                                       unsigned *zero)
{
	unsigned is = 0;

	*zero = 0;
	for (unsigned k = 0; k < 4; k++) {
		uint32_t high = (uint32_t)(__atomic_load_n(&word[k], __ATOMIC_RELAXED) >> 32);

		*zero |= (unsigned)!high << k;
		is |= (unsigned)!((high ^ want) & mask) << k;
	}
	return is;
}

static inline __attribute__((always_inline)) bool
arch_words_same(const uint8_t *from, const uint32_t *at, intptr_t i, uintptr_t base)
{
	uint64_t differ = 0;

	do {
		const struct arch_words *w = (const struct arch_words *)(from + at[i]);

		for (int k = 0; k < ARCH_WORDS; k++)
			differ |= *(const uint64_t *)(base + 8ul * w->offset[k]) ^ w->value[k];
	} while (++i);
	return !differ;
}

static inline unsigned arch_tag_match(const uint32_t word[16], uint32_t want, unsigned *zero)
{
	unsigned is = 0;

	*zero = 0;
	for (unsigned k = 0; k < 16; k++) {
		uint32_t w = __atomic_load_n(&word[k], __ATOMIC_ACQUIRE);

		*zero |= (unsigned)!w << k;
		is |= (unsigned)!((w ^ want) >> 24) << k;
	}
	return is;
}

#define ARCH_OPAQUE(x) __asm__("" : "+r"(x))

/* The frame record stands at a frame's lower end, so its place does not tell. */
#define ARCH_CALLER_SP() ((uintptr_t)__builtin_dwarf_cfa())

static inline long arch_clone_onto(long flags, char *stack, uint32_t *pid, void (*entry)(void))
{
	register long x8 __asm__("x8") = SYS_clone;
	register long x0 __asm__("x0") = flags;
	register char *x1 __asm__("x1") = stack;
	register uint32_t *x2 __asm__("x2") = pid;
	register long x3 __asm__("x3") = 0;
	register uint32_t *x4 __asm__("x4") = pid;
	register void (*x5)(void) __asm__("x5") = entry;

	__asm__ volatile("svc #0\n\t"
	                 "cbnz x0, 1f\n\t"
	                 "mov x29, #0\n\t"
	                 "mov x30, #0\n\t"
	                 "blr x5\n\t"
	                 "brk #1\n"
	                 "1:"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
	                 : "cc", "memory");
	return x0;
}

/* x16 is the linker's own between a call and its function. */
#define ARCH_JUMP(symbol, table, index)                                                  \
	__asm__(".text\n.globl " #symbol "\n.type " #symbol ",%function\n" #symbol ":\n" \
	        ".cfi_startproc\n\tadrp x16, " #table "\n\tadd x16, x16, :lo12:" #table  \
	        "\n\tldr x16, [x16, 8*" #index "]\n\tbr x16\n.cfi_endproc\n"             \
	        ".size " #symbol ", .-" #symbol "\n")

/* ---- registers: x0 .. x30 ---- */

enum { ARCH_GP = 31, ARCH_GP_RESULT = 0, ARCH_GP_FP = 29 };

#define ARCH_NOTE_PRESERVED(gp)                        \
	__asm__ volatile("stp x19, x20, [%0, 152]\n\t" \
	                 "stp x21, x22, [%0, 168]\n\t" \
	                 "stp x23, x24, [%0, 184]\n\t" \
	                 "stp x25, x26, [%0, 200]\n\t" \
	                 "stp x27, x28, [%0, 216]\n\t" \
	                 "stp x29, x30, [%0, 232]"     \
	                 :                             \
	                 : "r"(gp)                     \
	                 : "memory")

#define ARCH_STOP       0
#define ARCH_ARGS_KEPT  0
#define ARCH_FRAME_CODE 0
#define ARCH_CALL_BYTES 4

/* ---- unwinding ---- */

enum {
	ARCH_CFI_FP = 29,
	ARCH_CFI_RA = 30,
	ARCH_CFI_SP = 31,
	ARCH_CFI_PC = 32,
	ARCH_CFI_REGISTERS = 33
};
#define ARCH_PLAIN_FRAMES 0
#define ARCH_CFI_SIGN     0x2d /* DW_CFA_AARCH64_negate_ra_state */

#define ARCH_CFI_HERE(r)                               \
	__asm__ volatile("stp x19, x20, [%0, 152]\n\t" \
	                 "stp x21, x22, [%0, 168]\n\t" \
	                 "stp x23, x24, [%0, 184]\n\t" \
	                 "stp x25, x26, [%0, 200]\n\t" \
	                 "stp x27, x28, [%0, 216]\n\t" \
	                 "stp x29, x30, [%0, 232]\n\t" \
	                 "mov x9, sp\n\t"              \
	                 "str x9, [%0, 248]\n\t"       \
	                 "adr x9, 0f\n\t"              \
	                 "str x9, [%0, 256]\n"         \
	                 "0:"                          \
	                 :                             \
	                 : "r"(r)                      \
	                 : "x9", "memory")
#define ARCH_CFI_KNOWN (0x3ffful << 19)

static inline unsigned arch_cfi_argument(unsigned n)
{
	return n;
}

/* xpaclri, which older processors take for a nop */
static inline uintptr_t arch_code(uintptr_t address)
{
	register uintptr_t x30 __asm__("x30") = address;

	__asm__("hint #7" : "+r"(x30));
	return x30;
}

/* siginfo, the head of the kernel's ucontext, the address of a fault: then x0 .. x30, sp, pc */
enum { ARCH_UC_AT = 128, ARCH_UC_SLOTS = ARCH_UC_AT + 176 + 8 };
static inline unsigned arch_uc_slot(unsigned number)
{
	return number;
}
enum {
	ARCH_UC_FP = ARCH_UC_SLOTS + 8 * ARCH_CFI_FP,
	ARCH_UC_SP = ARCH_UC_SLOTS + 8 * ARCH_CFI_SP,
	ARCH_UC_PC = ARCH_UC_SLOTS + 8 * ARCH_CFI_PC
};

enum { ARCH_SIGRETURN_BYTES = 8 };

/* ---- names ---- */

#define ARCH_INFO     "aarch64"   /* FMT_INFO_MACHINE */
#define ARCH_ELF_JUMP 1026        /* R_AARCH64_JUMP_SLOT */
#define ARCH_ELF_DATA 1025        /* R_AARCH64_GLOB_DAT */
#define ARCH_ELF_WORD 257         /* R_AARCH64_ABS64 */
#define ARCH_AUDIT    0xc00000b7u /* AUDIT_ARCH_AARCH64 */
#define ARCH_VECTOR   2           /* NT_FPREGSET */

/* Calls that this processor never had, as numbers that no call has: for who tells calls apart. */
#define SYS_open         (-1001)
#define SYS_creat        (-1002)
#define SYS_epoll_create (-1003)
#define SYS_eventfd      (-1004)
#define SYS_inotify_init (-1005)
#define SYS_pipe         (-1006)
#define SYS_dup2         (-1007)
#define SYS_poll         (-1008)
#define SYS_select       (-1009)
#define SYS_epoll_wait   (-1010)
#define SYS_pause        (-1011)
#define SYS_vfork        (-1012)

#endif
#endif
