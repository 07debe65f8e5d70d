/*
 * signals_yield.c - see signals_yield.h. Owns what has been kept from the program's signalfds and
 * waits. Context: hooks on any thread, and our signal handler: no lock.
 */
#include "signals_yield.h"

#include <errno.h>
#include <signal.h>
#include <ucontext.h>

#include "arch_regs.h"
#include "control.h"
#include "seccomp.h"
#include "signals.h"

#define MASK_BYTES 8

TLS uint64_t t_signals_awaited;
TLS enum signals_wait t_signals_wait;

/* ---- descriptors ---- */

enum { FDS = 64 };
static struct {
	uint32_t number; /* + 1; 0 free */
	uint64_t mask;   /* that the program has asked for */
} g_fds[FDS];

static void set_fd(uint32_t i, uint64_t kept)
{
	uint32_t number = __atomic_load_n(&g_fds[i].number, __ATOMIC_ACQUIRE);
	uint64_t mask = __atomic_load_n(&g_fds[i].mask, __ATOMIC_RELAXED) & ~kept;

	/* It changes a signalfd, and nothing else that has the number by now. */
	if (number)
		sys_call(SYS_signalfd4, number - 1, &mask, MASK_BYTES, 0);
}

void signals_set_fds(uint64_t kept)
{
	for (uint32_t i = 0; i < FDS; i++)
		set_fd(i, kept);
}

static void give_up(void)
{
	control_yield();
	__atomic_store_n(&g_signals_control, 0, __ATOMIC_SEQ_CST);
	/* A filter that the program has set may kill for the call. */
	if (seccomp_now() != SECCOMP_LOCKED_IN)
		signals_set_fds(0);
}

static uint32_t find_fd(uint32_t number)
{
	uint32_t i = 0;

	while (i < FDS && __atomic_load_n(&g_fds[i].number, __ATOMIC_ACQUIRE) != number)
		i++;
	return i;
}

static uint32_t claim_fd(void)
{
	for (uint32_t i = 0, is = 0; i < FDS; i++, is = 0)
		if (__atomic_compare_exchange_n(&g_fds[i].number, &is, ~0u, false, __ATOMIC_ACQ_REL,
		                                __ATOMIC_RELAXED))
			return i;
	return FDS;
}

void signals_note_fd(int fd, uint64_t mask, uint64_t kept)
{
	uint32_t number = (uint32_t)fd + 1, i = find_fd(number);

	if (!kept) {
		if (i < FDS)
			__atomic_store_n(&g_fds[i].number, 0, __ATOMIC_RELEASE);
		return;
	}
	if (i == FDS)
		i = claim_fd();
	if (i == FDS) {
		/* More than anybody has: then it is the program's from here on. */
		give_up();
		sys_call(SYS_signalfd4, fd, &mask, MASK_BYTES, 0);
		return;
	}
	__atomic_store_n(&g_fds[i].mask, mask, __ATOMIC_RELAXED);
	__atomic_store_n(&g_fds[i].number, number, __ATOMIC_SEQ_CST);
	/* It may have been given up meanwhile. */
	if (!__atomic_load_n(&g_signals_control, __ATOMIC_SEQ_CST))
		set_fd(i, 0);
}

/* ---- a signal that is the program's ---- */

/* In the wait itself: what was interrupted is a call that never begins again by itself, and PC
 * stands behind it. */
static bool in_wait(ucontext_t *uc)
{
	return t_signals_wait && *arch_uc_register(uc, ARCH_RESULT) == -EINTR &&
	       signals_call(uc) >= 0;
}

/*
 * It goes on to each thread that believes to have it blocked, until one has it open, waits for it,
 * or reads it from a descriptor. A wait in which it came goes on: with the signal blocked there
 * would have been no handler. Where it is open but for the wait, its handler is called now instead
 * of behind it.
 */
bool signals_yield(int sig, const void *siginfo, void *ucontext)
{
	ucontext_t *uc = ucontext;
	bool waits = in_wait(uc);

	if (waits ? t_signals_wait == SIGNALS_WAIT_OPEN : !t_signals_blocked)
		return false;
	give_up();
	t_signals_awaited |= signals_bit(sig);
	if (t_signals_blocked) {
		*(uint64_t *)&uc->uc_sigmask |= signals_bit(sig);
		signals_mask(SIG_BLOCK, signals_bit(sig));
		signals_send_again(sig, siginfo);
	}
	signals_restart(uc);
	return t_signals_blocked;
}
