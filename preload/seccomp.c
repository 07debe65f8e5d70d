/*
 * seccomp.c - see seccomp.h. Owns the number of filters at the start. Context: anywhere; raw system
 * calls only.
 */
#include "seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "sys.h"

bool g_seccomp_quiet;
static long g_at_start; /* -1: there was one, and how many cannot be told */

/* How many this thread has, -1 unknown. Static buffer: the stack may be tiny. */
static long count_filters(void)
{
	static char text[4096];
	static const char key[] = "\nSeccomp_filters:\t";

	if (g_seccomp_quiet)
		return -1;
	long mode = sys_call(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0);

	if (mode <= 0)
		return 0;
	long n = sys_read_file("/proc/thread-self/status", text, sizeof(text) - 1);
	for (long i = 0; i + (long)sizeof(key) <= n; i++) {
		if (memcmp(text + i, key, sizeof(key) - 1))
			continue;
		long v = 0;

		for (const char *p = text + i + sizeof(key) - 1; *p >= '0' && *p <= '9'; p++)
			v = v * 10 + (*p - '0');
		return v;
	}
	return -1;
}

void seccomp_init(void)
{
	g_at_start = count_filters();
}

long seccomp_begun(void)
{
	return g_at_start;
}

/*
 * Filters that were there at the start (a container's, systemd's) let programs make processes, or
 * answer with an errno. A program that has locked itself in since may have chosen to be killed for
 * a clone.
 */
enum seccomp_state seccomp_now(void)
{
	long now = count_filters();

	if (now == 0)
		return SECCOMP_NONE;
	return now > 0 && now == g_at_start ? SECCOMP_AS_BEGUN : SECCOMP_LOCKED_IN;
}

/* ---- what a filter would answer ---- */

static bool jumps(const struct sock_filter *i, uint32_t a, uint32_t x)
{
	uint32_t k = BPF_SRC(i->code) == BPF_X ? x : i->k;

	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	default: /* BPF_JSET */
		return (a & k) != 0;
	}
}

static uint32_t compute(const struct sock_filter *i, uint32_t a, uint32_t x)
{
	uint32_t k = BPF_SRC(i->code) == BPF_X ? x : i->k;

	switch (BPF_OP(i->code)) {
	case BPF_ADD:
		return a + k;
	case BPF_SUB:
		return a - k;
	case BPF_AND:
		return a & k;
	case BPF_OR:
		return a | k;
	case BPF_XOR:
		return a ^ k;
	case BPF_LSH:
		return k < 32 ? a << k : 0;
	case BPF_RSH:
		return k < 32 ? a >> k : 0;
	default:
		return a;
	}
}

/*
 * Runs a filter, classic BPF as seccomp(2) takes it, for a call with arguments of 0. Jumps only
 * lead forwards, so it ends. What is not understood is taken for deadly.
 */
static uint32_t answer(const struct sock_fprog *f, uint32_t call)
{
	const struct seccomp_data data = {.nr = (int)call, .arch = ARCH_AUDIT};
	uint32_t a = 0, x = 0, scratch[BPF_MEMWORDS] = {0};

	for (uint32_t at = 0; at < f->len; at++) {
		const struct sock_filter *i = &f->filter[at];

		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			if (BPF_MODE(i->code) == BPF_ABS && i->k <= sizeof(data) - 4)
				memcpy(&a, (const char *)&data + i->k, 4);
			else if (BPF_MODE(i->code) == BPF_MEM)
				a = scratch[i->k % BPF_MEMWORDS];
			else
				a = BPF_MODE(i->code) == BPF_LEN ? (uint32_t)sizeof(data) : i->k;
			break;
		case BPF_LDX:
			x = BPF_MODE(i->code) == BPF_MEM ? scratch[i->k % BPF_MEMWORDS] : i->k;
			break;
		case BPF_ST:
			scratch[i->k % BPF_MEMWORDS] = a;
			break;
		case BPF_STX:
			scratch[i->k % BPF_MEMWORDS] = x;
			break;
		case BPF_ALU:
			a = compute(i, a, x);
			break;
		case BPF_JMP:
			at += BPF_OP(i->code) == BPF_JA ? i->k : jumps(i, a, x) ? i->jt : i->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? a : i->k;
		default: /* BPF_MISC */
			if (BPF_MISCOP(i->code) == BPF_TAX)
				x = a;
			else
				a = x;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

/* What the kernel answers EFAULT to must not be a fault of ours. */
static bool can_read(const void *from, size_t n)
{
	char byte[2];
	struct iovec to[] = {{byte, 1}, {byte + 1, 1}};
	struct iovec ends[] = {{(void *)from, 1}, {(char *)from + n - 1, 1}};
	long r = n ? sys_call(SYS_process_vm_readv, sys_getpid(), to, 2, ends, 2, 0) : 0;

	/* Where the call itself is forbidden, nothing is known. */
	return r == 2 || (r < 0 && r != -EFAULT);
}

bool seccomp_is_deadly(const void *filter, bool strict)
{
	/* What a snapshot that is written in place, and what is asked between two, needs. */
	static const uint16_t ours[] = {SYS_prctl,
	                                SYS_getpid,
	                                SYS_gettid,
	                                SYS_openat,
	                                SYS_read,
	                                SYS_write,
	                                SYS_close,
	                                SYS_fstat,
	                                SYS_mmap,
	                                SYS_munmap,
	                                SYS_futex,
	                                SYS_getdents64,
	                                SYS_rt_sigprocmask,
	                                SYS_rt_sigpending,
	                                SYS_unlinkat,
	                                SYS_renameat2,
	                                SYS_fcntl,
	                                SYS_readlinkat,
	                                SYS_process_vm_readv,
	                                SYS_prlimit64,
	                                SYS_getrusage,
	                                SYS_sched_yield};
	const struct sock_fprog *f = filter;

	if (strict)
		return true;
	if (!can_read(f, sizeof(*f)) || !can_read(f->filter, f->len * sizeof(*f->filter)))
		return false;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		uint32_t action = answer(f, ours[i]) & SECCOMP_RET_ACTION_FULL;

		if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG &&
		    action != SECCOMP_RET_ERRNO)
			return true;
	}
	return false;
}
