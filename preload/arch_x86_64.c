/*
 * arch_x86_64.c - registers of x86-64: see arch_regs.h. Owns nothing. Context: any, a signal
 * handler and a child that shares our memory included; raw system calls only.
 */
#include "arch_regs.h"

#ifdef __x86_64__

#include <asm/prctl.h>
#include <cpuid.h>
#include <emmintrin.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/user.h>
#include <ucontext.h>
#include <wmmintrin.h>

uint64_t arch_thread_base(void)
{
	uint64_t base = 0;

	arch_call6(SYS_arch_prctl, ARCH_GET_FS, (long)&base, 0, 0, 0, 0);
	return base;
}

/* ---- in the frame of a signal ---- */

void arch_uc_note(const void *ucontext, struct arch_regs *out)
{
	const greg_t *g = ((const ucontext_t *)ucontext)->uc_mcontext.gregs;
	static const uint8_t from[ARCH_GP] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI,
	                                      REG_RDI, REG_RBP, REG_R8,  REG_R9,  REG_R10,
	                                      REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

	for (unsigned i = 0; i < ARCH_GP; i++)
		out->gp[i] = (uint64_t)g[from[i]];
	out->sp = (uint64_t)g[REG_RSP];
	out->pc = (uint64_t)g[REG_RIP];
	out->fs_base = arch_thread_base();
}

int64_t *arch_uc_register(void *ucontext, enum arch_register which)
{
	static const uint8_t at[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8,
	                             REG_R9,  REG_RAX, REG_RSP, REG_RIP};

	return (int64_t *)&((ucontext_t *)ucontext)->uc_mcontext.gregs[at[which]];
}

void arch_uc_go(void *ucontext, const struct arch_place *to)
{
	greg_t *g = ((ucontext_t *)ucontext)->uc_mcontext.gregs;

	g[REG_RIP] = (greg_t)to->pc;
	g[REG_RSP] = (greg_t)to->sp;
	g[REG_RBP] = (greg_t)to->fp;
}

/* What the kernel says at the end of the oldest registers' room about the newer ones. */
static struct _fpx_sw_bytes software_bytes(const void *fp)
{
	struct _fpx_sw_bytes sw;

	memcpy(&sw, (const char *)fp + 464, sizeof(sw));
	return sw;
}

const void *arch_uc_vector(const void *ucontext, uint64_t *bytes)
{
	const void *fp = ((const ucontext_t *)ucontext)->uc_mcontext.fpregs;

	if (!fp)
		return NULL;
	struct _fpx_sw_bytes sw = software_bytes(fp);

	*bytes = sw.magic1 == FP_XSTATE_MAGIC1 ? sw.xstate_size : sizeof(struct _fpstate);
	return fp;
}

bool arch_is_call(const void *code)
{
	return !memcmp(code, "\x0f\x05", ARCH_CALL_BYTES);
}

/*
 * The kernel does not say which call it was, but libc's code does: "mov $number, %eax" stands
 * before "syscall", with at most a few loads of arguments in between; "xor %eax, %eax" for read.
 */
long arch_uc_number(const void *ucontext, const uint8_t *code, size_t bytes)
{
	uint32_t nr;

	(void)ucontext;
	for (size_t at = bytes - 3; at-- > 0;) {
		if (code[at] == 0x31 && code[at + 1] == 0xc0)
			return SYS_read;
		if (code[at] != 0xb8 || at > bytes - 7)
			continue;
		memcpy(&nr, code + at + 1, sizeof(nr));
		if (nr < 1024)
			return (long)nr;
	}
	return -1;
}

/* sigaltstack's SS_AUTODISARM, without the kernel's header beside libc's */
#define AUTODISARM (1u << 31)

/* Not where rt_sigreturn does more than to set registers. */
bool arch_uc_can_restart(const void *ucontext)
{
	const ucontext_t *uc = ucontext;
	uint64_t shadow_stack = 0;

	__asm__("rdsspq %0" : "+r"(shadow_stack));
	return !shadow_stack && uc->uc_mcontext.fpregs &&
	       !((uint32_t)uc->uc_stack.ss_flags & AUTODISARM);
}

/* arch_x86_64.S; features: the vector registers that the kernel has put aside, for xrstor; 0: only
 * the oldest of them. */
void arch_leave(const greg_t *gregs, const void *fpstate, uint64_t features)
        __attribute__((noreturn, visibility("hidden")));

void arch_uc_restart(const void *ucontext)
{
	const mcontext_t *m = &((const ucontext_t *)ucontext)->uc_mcontext;
	struct _fpx_sw_bytes sw = software_bytes(m->fpregs);

	arch_leave(m->gregs, m->fpregs, sw.magic1 == FP_XSTATE_MAGIC1 ? sw.xstate_bv : 0);
}

/* ---- to who traces it ---- */

void arch_user_note(const void *user_regs, struct arch_regs *out)
{
	const struct user_regs_struct *u = user_regs;
	const uint64_t gp[ARCH_GP] = {u->rax, u->rbx, u->rcx, u->rdx, u->rsi, u->rdi, u->rbp, u->r8,
	                              u->r9,  u->r10, u->r11, u->r12, u->r13, u->r14, u->r15};

	memcpy(out->gp, gp, sizeof(gp));
	out->sp = u->rsp;
	out->pc = u->rip;
	out->fs_base = u->fs_base;
}

int64_t arch_user_call(const void *user_regs, uint64_t args[6])
{
	const struct user_regs_struct *u = user_regs;
	const uint64_t given[6] = {u->rdi, u->rsi, u->rdx, u->r10, u->r8, u->r9};

	if ((int64_t)u->orig_rax < 0)
		return -1;
	memcpy(args, given, sizeof(given));
	return (int64_t)u->orig_rax;
}

int64_t arch_user_result(const void *user_regs)
{
	return (int64_t)((const struct user_regs_struct *)user_regs)->rax;
}

void arch_user_repeat(void *user_regs, int64_t call)
{
	struct user_regs_struct *u = user_regs;

	u->rax = (uint64_t)call;
	u->rip -= ARCH_CALL_BYTES;
	u->orig_rax = (uint64_t)-1;
}

/* ---- code ---- */

/* mov $15, %rax (or %eax); syscall */
bool arch_is_sigreturn(const void *code)
{
	static const uint8_t rax[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
	static const uint8_t eax[] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};

	return !memcmp(code, rax, sizeof(rax)) || !memcmp(code, eax, sizeof(eax));
}

/* push %rbp; mov %rsp, %rbp, in either of its two forms */
bool arch_makes_frame(const uint8_t *code)
{
	return code[0] == 0x55 &&
	       (!memcmp(code + 1, "\x48\x89\xe5", 3) || !memcmp(code + 1, "\x48\x8b\xec", 3));
}

/* Pushes of registers, with moves between registers in between, then "sub $n, %rsp". */
size_t arch_frame_bytes(const uint8_t *after)
{
	const uint8_t *end = after + ARCH_FRAME_AFTER - 8;
	size_t bytes = 0;
	uint32_t n;

	while (after < end) {
		size_t prefix = (*after & 0xf0) == 0x40;

		if ((after[prefix] & 0xf8) == 0x50) {
			after += prefix + 1;
			bytes += 8;
		} else if (after[prefix] == 0x89 && after[prefix + 1] >= 0xc0) {
			after += prefix + 2;
		} else {
			break;
		}
	}
	if (after[0] != 0x48 || after[2] != 0xec)
		return bytes;
	memcpy(&n, after + 3, sizeof(n));
	return after[1] == 0x83 ? bytes + (n & 0xff) : after[1] == 0x81 ? bytes + n : bytes;
}

/* call rel32, or call r/m64 of two to seven bytes */
bool arch_ends_in_call(const uint8_t *code)
{
	if (code[3] == 0xe8)
		return true;
	for (unsigned at = 1; at < 7; at++)
		if (code[at] == 0xff && (code[at + 1] >> 3 & 7) == 2)
			return true;
	return false;
}

/* ---- checksums ---- */

/*
 * x * x^(distance) + next, modulo the polynomial: each half of x by a power of x of its own. After
 * V. Gopal and others, Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction
 * (Intel, 2009): x^(distance + 32) and x^(distance - 32) modulo P, bits in reverse, one to the
 * left.
 */
__attribute__((target("pclmul"))) static inline __m128i folded(__m128i x, __m128i by, __m128i next)
{
	return _mm_xor_si128(
	        _mm_xor_si128(_mm_clmulepi64_si128(x, by, 0x00), _mm_clmulepi64_si128(x, by, 0x11)),
	        next);
}

__attribute__((target("pclmul"))) static size_t fold(uint32_t c, const __m128i *p, size_t n,
                                                     __m128i *rest)
{
	const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
	const __m128i by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
	const __m128i *const begin = p, *const end = p + n / 16;
	__m128i x[4];

	for (int i = 0; i < 4; i++)
		x[i] = _mm_loadu_si128(p++);
	x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)c));
	for (; end - p >= 4; p += 4)
		for (int i = 0; i < 4; i++)
			x[i] = folded(x[i], by_512, _mm_loadu_si128(p + i));
	for (int i = 1; i < 4; i++)
		x[i] = folded(x[i - 1], by_128, x[i]);
	while (p < end)
		x[3] = folded(x[3], by_128, _mm_loadu_si128(p++));
	_mm_storeu_si128(rest, x[3]);
	return (size_t)(p - begin) * 16;
}

size_t arch_crc_fold(uint32_t c, const uint8_t *p, size_t n, uint8_t rest[16])
{
	enum { WORTH_IT = 256 }; /* to ask may cost a microsecond, in a virtual machine */
	static int can;          /* 0: not yet asked */
	unsigned a, b, features, d;

	if (n < WORTH_IT)
		return 0;
	if (!can)
		can = __get_cpuid(1, &a, &b, &features, &d) && features & bit_PCLMUL ? 1 : -1;
	return can > 0 ? fold(c, (const __m128i *)(const void *)p, n, (__m128i *)(void *)rest) : 0;
}

#endif
