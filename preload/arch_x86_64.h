/*
 * arch_x86_64.h - what arch.h describes, for x86-64. Owns nothing. Context: any.
 */
#ifndef OUTLIVE_ARCH_X86_64_H
#define OUTLIVE_ARCH_X86_64_H
#ifdef __x86_64__

#include <emmintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "arch_words.h"

static inline long arch_call6(long n, long a, long b, long c, long d, long e, long f)
{
	long r;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
	                 : "=a"(r)
	                 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return r;
}

static inline void arch_pause(void)
{
	__builtin_ia32_pause();
}

static inline uintptr_t arch_thread_pointer(void)
{
	uintptr_t p;

	__asm__("mov %%fs:0, %0" : "=r"(p));
	return p;
}

static inline bool arch_under_valgrind(void)
{
	uint64_t request[6] = {0x1001}, answer = 0;

	/* Turned by 128 bits in all: nothing, but to valgrind, which knows these five. */
	__asm__ volatile(
	        "rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
	        "xchgq %%rbx, %%rbx"
	        : "+d"(answer)
	        : "a"(request)
	        : "cc", "memory");
	return answer != 0;
}

/* In one instruction, which the compiler does not make of a relaxed load and store. */
#define ARCH_ADD(p, n)                                                                             \
	do {                                                                                       \
		_Static_assert(sizeof(*(p)) == 8 || sizeof(*(p)) == 4, "");                        \
		if (sizeof(*(p)) == 8)                                                             \
			__asm__ volatile("addq %1, %0" : "+m"(*(p)) : "er"((uint64_t)(n)) : "cc"); \
		else                                                                               \
			__asm__ volatile("addl %1, %0" : "+m"(*(p)) : "er"((uint32_t)(n)) : "cc"); \
	} while (0)

static inline unsigned arch_high_match(const uint64_t word[4], uint32_t want, uint32_t mask,
                                       unsigned *zero)
{
	const __m128 w01 = _mm_castsi128_ps(_mm_load_si128((const __m128i *)&word[0]));
	const __m128 w23 = _mm_castsi128_ps(_mm_load_si128((const __m128i *)&word[2]));
	const __m128i high = _mm_castps_si128(_mm_shuffle_ps(w01, w23, _MM_SHUFFLE(3, 1, 3, 1)));
	const __m128i none = _mm_setzero_si128(), bits = _mm_set1_epi32((int)mask);
	const __m128i other = _mm_and_si128(_mm_xor_si128(high, _mm_set1_epi32((int)want)), bits);

#define SIGNS(v) ((unsigned)_mm_movemask_ps(_mm_castsi128_ps(v)))
	*zero = SIGNS(_mm_cmpeq_epi32(high, none));
	return SIGNS(_mm_cmpeq_epi32(other, none));
#undef SIGNS
}

static inline __attribute__((always_inline)) bool
arch_words_same(const uint8_t *from, const uint32_t *at, intptr_t i, uintptr_t base)
{
	__m128i differ = _mm_setzero_si128();

#define WORD(k) ((const __m128i *)(base + 8ul * w->offset[k]))
#define PAIR(k)                                                                   \
	_mm_castpd_si128(_mm_loadh_pd(_mm_castsi128_pd(_mm_loadl_epi64(WORD(k))), \
	                              (const double *)WORD((k) + 1)))
#define LIKE(k) _mm_xor_si128(PAIR(k), _mm_load_si128((const __m128i *)&w->value[k]))
	do {
		const struct arch_words *w = (const struct arch_words *)(from + at[i]);

		differ = _mm_or_si128(differ, _mm_or_si128(LIKE(0), LIKE(2)));
		differ = _mm_or_si128(differ, _mm_or_si128(LIKE(4), LIKE(6)));
	} while (++i);
#undef WORD
#undef PAIR
#undef LIKE
	return _mm_movemask_epi8(_mm_cmpeq_epi8(differ, _mm_setzero_si128())) == 0xffff;
}

static inline unsigned arch_tag_match(const uint32_t word[16], uint32_t want, unsigned *zero)
{
	const __m128i *v = (const __m128i *)word, none = _mm_setzero_si128();
	const __m128i w0 = _mm_load_si128(v), w1 = _mm_load_si128(v + 1);
	const __m128i w2 = _mm_load_si128(v + 2), w3 = _mm_load_si128(v + 3);

#define SIXTEEN(a, b, c, d) _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d))
#define TAG(w)              _mm_srai_epi32(w, 24)
#define IS_0(w)             _mm_cmpeq_epi32(w, none)
	*zero = (unsigned)_mm_movemask_epi8(SIXTEEN(IS_0(w0), IS_0(w1), IS_0(w2), IS_0(w3)));
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(
	        SIXTEEN(TAG(w0), TAG(w1), TAG(w2), TAG(w3)), _mm_set1_epi8((char)(want >> 24))));
#undef SIXTEEN
#undef TAG
#undef IS_0
}

#define ARCH_OPAQUE(x) __asm__("" : "+r"(x))

#define ARCH_CALLER_SP() ((uintptr_t)__builtin_frame_address(0) + 16)

static inline long arch_clone_onto(long flags, char *stack, uint32_t *pid, void (*entry)(void))
{
	long r;
	register uint32_t *tid __asm__("r10") = pid;
	register long tls __asm__("r8") = 0;
	register void (*begin)(void) __asm__("r9") = entry;

	__asm__ volatile("syscall\n\t"
	                 "test %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "xor %%ebp, %%ebp\n\t"
	                 "call *%%r9\n\t"
	                 "ud2\n"
	                 "1:"
	                 : "=a"(r)
	                 : "a"(SYS_clone), "D"(flags), "S"(stack), "d"(pid), "r"(tid), "r"(tls),
	                   "r"(begin)
	                 : "rcx", "r11", "cc", "memory");
	return r;
}

#define ARCH_JUMP(symbol, table, index)                                                  \
	__asm__(".text\n.globl " #symbol "\n.type " #symbol ",@function\n" #symbol ":\n" \
	        ".cfi_startproc\n\tjmp *" #table "+8*" #index "(%rip)\n.cfi_endproc\n"   \
	        ".size " #symbol ", .-" #symbol "\n")

/* ---- registers: rax rbx rcx rdx rsi rdi rbp r8 .. r15 ---- */

enum { ARCH_GP = 15, ARCH_GP_RESULT = 0, ARCH_GP_FP = 6 };

#define ARCH_NOTE_PRESERVED(gp)                   \
	__asm__ volatile("mov %%rbx, 8(%0)\n\t"   \
	                 "mov %%rbp, 48(%0)\n\t"  \
	                 "mov %%r12, 88(%0)\n\t"  \
	                 "mov %%r13, 96(%0)\n\t"  \
	                 "mov %%r14, 104(%0)\n\t" \
	                 "mov %%r15, 112(%0)"     \
	                 :                        \
	                 : "r"(gp)                \
	                 : "memory")

#define ARCH_STOP       1
#define ARCH_ARGS_KEPT  1
#define ARCH_FRAME_CODE 4
#define ARCH_CALL_BYTES 2

/* ---- unwinding ---- */

enum {
	ARCH_CFI_RBX = 3,
	ARCH_CFI_FP = 6,
	ARCH_CFI_SP = 7,
	ARCH_CFI_R12 = 12,
	ARCH_CFI_RA = 16,
	ARCH_CFI_PC = 16,
	ARCH_CFI_REGISTERS = 17
};
#define ARCH_PLAIN_FRAMES 1
#define ARCH_CFI_SIGN     0x100

#define ARCH_CFI_HERE(r)                             \
	__asm__ volatile("movq %%rbx, 24(%0)\n\t"    \
	                 "movq %%rbp, 48(%0)\n\t"    \
	                 "movq %%rsp, 56(%0)\n\t"    \
	                 "movq %%r12, 96(%0)\n\t"    \
	                 "movq %%r13, 104(%0)\n\t"   \
	                 "movq %%r14, 112(%0)\n\t"   \
	                 "movq %%r15, 120(%0)\n\t"   \
	                 "leaq 0f(%%rip), %%rax\n\t" \
	                 "movq %%rax, 128(%0)\n"     \
	                 "0:"                        \
	                 :                           \
	                 : "r"(r)                    \
	                 : "rax", "memory")
#define ARCH_CFI_KNOWN                                                                       \
	(1u << ARCH_CFI_RBX | 1u << ARCH_CFI_FP | 1u << ARCH_CFI_SP | 0xfu << ARCH_CFI_R12 | \
	 1u << ARCH_CFI_RA)

static inline unsigned arch_cfi_argument(unsigned n)
{
	static const uint8_t number[6] = {5, 4, 1, 10, 8, 9};

	return number[n];
}

static inline uintptr_t arch_code(uintptr_t address)
{
	return address;
}

/* gregs of the kernel's ucontext (not libc's, whose tail is longer), by DWARF number */
enum { ARCH_UC_AT = 0, ARCH_UC_SLOTS = 40 };
static inline unsigned arch_uc_slot(unsigned number)
{
	static const uint8_t slot[ARCH_CFI_REGISTERS] = {13, 12, 14, 11, 9, 8, 10, 15, 0,
	                                                 1,  2,  3,  4,  5, 6, 7,  16};

	return slot[number];
}
enum { ARCH_UC_FP = 40 + 10 * 8, ARCH_UC_SP = 40 + 15 * 8, ARCH_UC_PC = 40 + 16 * 8 };

enum { ARCH_SIGRETURN_BYTES = 9 };

/* ---- names ---- */

#define ARCH_INFO     ""          /* FMT_INFO_MACHINE */
#define ARCH_ELF_JUMP 7           /* R_X86_64_JUMP_SLOT */
#define ARCH_ELF_DATA 6           /* R_X86_64_GLOB_DAT */
#define ARCH_ELF_WORD 1           /* R_X86_64_64 */
#define ARCH_AUDIT    0xc000003eu /* AUDIT_ARCH_X86_64 */
#define ARCH_VECTOR   0x202       /* NT_X86_XSTATE */

#endif
#endif
