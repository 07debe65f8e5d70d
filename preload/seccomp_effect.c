/*
 * seccomp_effect.c - see seccomp.h. Owns the list of what we ask of the kernel, and runs a filter
 * for each. Context: anywhere; raw system calls only.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "seccomp.h"
#include "sys.h"

enum { N_ARGUMENTS = 4 };

/* Filters look at what is in a register, too. */
struct our_call {
	int number;
	uint32_t arguments[N_ARGUMENTS];
};

/* ---- a filter ---- */

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
 * Runs a filter, classic BPF as seccomp(2) takes it. Jumps only lead forwards, so it ends. What is
 * not understood is taken for deadly.
 */
static uint32_t answer(const struct sock_fprog *f, const struct our_call *call)
{
	struct seccomp_data data = {.nr = call->number, .arch = ARCH_AUDIT};
	uint32_t a = 0, x = 0, scratch[BPF_MEMWORDS] = {0};

	for (unsigned i = 0; i < N_ARGUMENTS; i++)
		data.args[i] = call->arguments[i];
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

static bool kills(const struct sock_fprog *f, const struct our_call *call)
{
	uint32_t action = answer(f, call) & SECCOMP_RET_ACTION_FULL;

	return action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG &&
	       action != SECCOMP_RET_ERRNO;
}

static bool kills_any(const struct sock_fprog *f, const struct our_call *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (kills(f, &calls[i]))
			return true;
	return false;
}

/* ---- what we do ---- */

#define OURS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE)
#define MAKE (O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)

static const struct our_call make_file = {SYS_openat, {0, 0, MAKE, 0600}};

/* What a snapshot that is written in place, and what is asked between two, needs. */
static const struct our_call running[] = {{SYS_prctl, {PR_GET_NAME}},
                                          {SYS_prctl, {PR_GET_SECCOMP}},
                                          {SYS_getpid, {0}},
                                          {SYS_gettid, {0}},
                                          {SYS_openat, {0, 0, O_CLOEXEC}},
                                          {SYS_openat, {0, 0, MAKE, 0600}},
                                          {SYS_read, {0}},
                                          {SYS_write, {0}},
                                          {SYS_close, {0}},
                                          {SYS_fstat, {0}},
                                          {SYS_newfstatat, {0}},
                                          {SYS_fallocate, {0}},
                                          {SYS_fchmod, {0}},
                                          {SYS_getsockname, {0}},
                                          {SYS_getpeername, {0}},
                                          {SYS_getsockopt, {0}},
                                          {SYS_rt_tgsigqueueinfo, {0}},
                                          {SYS_tgkill, {0}},
                                          {SYS_mmap, {0, 0, PROT_READ | PROT_WRITE, OURS}},
                                          {SYS_munmap, {0}},
                                          {SYS_madvise, {0, 0, MADV_NOHUGEPAGE}},
                                          {SYS_madvise, {0, 0, SYS_POPULATE_WRITE}},
                                          {SYS_futex, {0, FUTEX_WAIT_PRIVATE}},
                                          {SYS_futex, {0, FUTEX_WAKE_PRIVATE}},
                                          {SYS_getdents64, {0}},
                                          {SYS_rt_sigaction, {SIGTERM}},
                                          {SYS_rt_sigprocmask, {SIG_SETMASK}},
                                          {SYS_rt_sigpending, {0}},
                                          {SYS_sigaltstack, {0}},
                                          {SYS_unlinkat, {0}},
                                          {SYS_renameat2, {0}},
                                          {SYS_fcntl, {0, F_GETFD}},
                                          {SYS_readlinkat, {0}},
                                          {SYS_getcwd, {0}},
                                          {SYS_getppid, {0}},
                                          {SYS_geteuid, {0}},
                                          {SYS_process_vm_readv, {0}},
                                          {SYS_prlimit64, {0}},
                                          {SYS_getrusage, {0}},
                                          {SYS_nanosleep, {0}}};

/* An image that begins takes the filters that it finds for those of a container, which kill
 * nobody; so it makes children, and stops its threads by what is allowed. */
static const struct our_call beginning[] = {
        {SYS_clone, {CLONE_VM | CLONE_PARENT_SETTID | CLONE_UNTRACED}},
        {SYS_clone, {CLONE_VM | CLONE_VFORK}},
        {SYS_clone3, {0}},
        {SYS_wait4, {0, 0, __WALL}},
        {SYS_close_range, {0}},
        {SYS_madvise, {0, 0, MADV_WIPEONFORK}},
        {SYS_mprotect, {0, 0, PROT_READ | PROT_WRITE}},
        {SYS_mincore, {0}},
        {SYS_pread64, {0}},
        {SYS_clock_gettime, {0}},
        {SYS_ptrace, {0}},
        {SYS_sched_yield, {0}},
        {SYS_sched_getaffinity, {0}},
        {SYS_sched_setaffinity, {0}},
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

enum seccomp_effect seccomp_effect(const void *filter, bool strict)
{
	const struct sock_fprog *f = filter;

	if (strict)
		return SECCOMP_DEADLY;
	if (!can_read(f, sizeof(*f)) || !can_read(f->filter, f->len * sizeof(*f->filter)))
		return SECCOMP_HARMLESS;
	if (kills_any(f, running, COUNT(running)))
		return SECCOMP_DEADLY;
	if ((answer(f, &make_file) & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
		return SECCOMP_SHUTS;
	return kills_any(f, beginning, COUNT(beginning)) ? SECCOMP_BARS : SECCOMP_HARMLESS;
}
