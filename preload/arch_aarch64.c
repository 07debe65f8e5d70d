/*
 * arch_aarch64.c - registers of aarch64: see arch_regs.h. A call's result stands where its first
 * argument was, so that an interrupted call cannot be made once more from outside of the kernel.
 * Owns nothing. Context: any, a signal handler and a child that shares our memory included.
 */
#include "arch_regs.h"

#ifdef __aarch64__

#include <asm/sigcontext.h>
#include <string.h>
#include <sys/user.h>
#include <ucontext.h>

uint64_t arch_thread_base(void)
{
	return arch_thread_pointer();
}

/* ---- in the frame of a signal ---- */

void arch_uc_note(const void *ucontext, struct arch_regs *out)
{
	const mcontext_t *m = &((const ucontext_t *)ucontext)->uc_mcontext;

	for (unsigned i = 0; i < ARCH_GP; i++)
		out->gp[i] = m->regs[i];
	out->sp = m->sp;
	out->pc = m->pc;
	out->fs_base = arch_thread_base();
}

int64_t *arch_uc_register(void *ucontext, enum arch_register which)
{
	mcontext_t *m = &((ucontext_t *)ucontext)->uc_mcontext;

	switch (which) {
	case ARCH_RESULT:
		return (int64_t *)&m->regs[0];
	case ARCH_SP:
		return (int64_t *)&m->sp;
	case ARCH_PC:
		return (int64_t *)&m->pc;
	default:
		return (int64_t *)&m->regs[which];
	}
}

void arch_uc_go(void *ucontext, const struct arch_place *to)
{
	mcontext_t *m = &((ucontext_t *)ucontext)->uc_mcontext;

	m->pc = to->pc;
	m->sp = to->sp;
	m->regs[ARCH_GP_FP] = to->fp;
}

/* Records of a type and a size stand one behind the other; the last has neither. */
const void *arch_uc_vector(const void *ucontext, uint64_t *bytes)
{
	const char *at = (const char *)((const ucontext_t *)ucontext)->uc_mcontext.__reserved;
	struct _aarch64_ctx head;

	for (size_t left = 4096; left >= sizeof(head); left -= head.size, at += head.size) {
		memcpy(&head, at, sizeof(head));
		if (!head.size || head.size > left)
			break;
		if (head.magic != FPSIMD_MAGIC)
			continue;
		*bytes = head.size;
		return at;
	}
	return NULL;
}

bool arch_is_call(const void *code)
{
	return !memcmp(code, "\x01\x00\x00\xd4", ARCH_CALL_BYTES);
}

long arch_uc_number(const void *ucontext, const uint8_t *code, size_t bytes)
{
	(void)code, (void)bytes;
	return (long)((const ucontext_t *)ucontext)->uc_mcontext.regs[8];
}

bool arch_uc_can_restart(const void *ucontext)
{
	(void)ucontext;
	return false;
}

void arch_uc_restart(const void *ucontext)
{
	(void)ucontext;
	__builtin_trap(); /* never called: see above */
}

/* ---- to who traces it ---- */

void arch_user_note(const void *user_regs, struct arch_regs *out)
{
	const struct user_regs_struct *u = user_regs;

	for (unsigned i = 0; i < ARCH_GP; i++)
		out->gp[i] = u->regs[i];
	out->sp = u->sp;
	out->pc = u->pc;
	out->fs_base = 0;
}

/* These registers do not tell whether there is one. */
int64_t arch_user_call(const void *user_regs, uint64_t args[6])
{
	(void)user_regs, (void)args;
	return -1;
}

int64_t arch_user_result(const void *user_regs)
{
	return (int64_t)((const struct user_regs_struct *)user_regs)->regs[0];
}

void arch_user_repeat(void *user_regs, int64_t call)
{
	(void)user_regs, (void)call;
}

/* ---- code ---- */

/* mov x8, #139; svc #0 */
bool arch_is_sigreturn(const void *code)
{
	return !memcmp(code, "\x68\x11\x80\xd2\x01\x00\x00\xd4", ARCH_SIGRETURN_BYTES);
}

/* The frame pointer is saved beside the return address, and the tables say where. */
bool arch_makes_frame(const uint8_t *code)
{
	(void)code;
	return false;
}

size_t arch_frame_bytes(const uint8_t *after)
{
	(void)after;
	return 0;
}

bool arch_ends_in_call(const uint8_t *code)
{
	(void)code;
	return false;
}

size_t arch_crc_fold(uint32_t c, const uint8_t *p, size_t n, uint8_t rest[16])
{
	(void)c, (void)p, (void)n, (void)rest;
	return 0;
}

#endif
