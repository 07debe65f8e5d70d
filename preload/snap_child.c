/*
 * snap_child.c - a place to write from, in any context: a signal handler on a stack of 2 kB, a
 * thread that is about to die. Owns the stack, the clone, the signals. Must not know what is
 * written.
 *
 * The child is a process of its own that shares our memory: it lives on when the program is killed
 * or replaced by exec, holds none of our locks, and the program's wait() does not see it (no exit
 * signal). It shares %fs with the thread that made it, so it must never use TLS. It has copies of
 * the program's descriptors only until it has closed them: a pipe's reader must not wait for us.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "snap.h"
#include "sys.h"

#define STACK_BYTES  (128u << 10)
#define KERNEL_MASK  8
#define SA_RESTORER_ 0x04000000ul

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static char *g_stack;
static void (*g_run)(void), (*g_crashed)(void);
static uint32_t g_crashes;

/* ---- signals ---- */

static uint64_t bit(int signal)
{
	return 1ul << (signal - 1);
}

void snap_signals_block(struct snap_signals *s)
{
	uint64_t all = ~0ul;

	s->mask = s->pending = 0;
	sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &s->mask, KERNEL_MASK);
	sys_call(SYS_rt_sigpending, &s->pending, KERNEL_MASK);
}

void snap_signals_restore(const struct snap_signals *s, bool in_process)
{
	uint64_t now = 0, ours = bit(SIGXFSZ) | bit(SIGPIPE);
	struct timespec at_once = {0, 0};

	if (in_process) {
		sys_call(SYS_rt_sigpending, &now, KERNEL_MASK);
		ours &= now & ~s->pending;
		while (ours &&
		       sys_call(SYS_rt_sigtimedwait, &ours, NULL, &at_once, KERNEL_MASK) > 0)
			;
	}
	sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &s->mask, NULL, KERNEL_MASK);
}

/* ---- the child ---- */

static void __attribute__((noreturn)) leave(int status)
{
	for (;;)
		sys_call(SYS_exit_group, status);
}

/*
 * A fault here must stay ours: by its default action it would dump the memory that we share, and
 * kernels before 5.16 kill everybody who shares it.
 */
static void on_fault(int signal)
{
	(void)signal;
	if (!g_crashes++)
		g_crashed();
	leave(1);
}

static void catch_faults(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = {on_fault, SA_NODEFER | SA_RESTORER_, NULL, 0};
	uint64_t set = 0;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		sys_call(SYS_rt_sigaction, faults[i], &action, NULL, KERNEL_MASK);
		set |= bit(faults[i]);
	}
	sys_call(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, KERNEL_MASK);
}

/* A pipe's reader must not wait for us. 2 stays, for sys_log(). */
void snap_child_close(void)
{
	sys_call(SYS_close_range, 3, ~0u, 0);
	sys_close(0);
	sys_close(1);
}

/* The look at the program's descriptors needs one of its own, also where the program has no more.
 */
static void raise_limit(void)
{
	struct rlimit l;

	if (sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &l) < 0)
		return;
	l.rlim_cur = l.rlim_max;
	sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, &l, NULL);
}

static void child_main(void)
{
	catch_faults();
	raise_limit();
	sys_call(SYS_prctl, PR_SET_NAME, "outlive-writer");
	g_run();
	leave(0);
}

static char *stack_top(void)
{
	return g_stack + STACK_BYTES;
}

/* Returns in the parent only. UNTRACED: a debugger of the program must not take it for a thread. */
static long clone_child(uint32_t *pid)
{
	long r, flags = CLONE_VM | CLONE_PARENT_SETTID | CLONE_UNTRACED;
	register long tid __asm__("r10") = 0;
	register long tls __asm__("r8") = 0;
	register void (*entry)(void) __asm__("r9") = child_main;

	__asm__ volatile("syscall\n\t"
	                 "test %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "xor %%ebp, %%ebp\n\t"
	                 "call *%%r9\n\t"
	                 "ud2\n"
	                 "1:"
	                 : "=a"(r)
	                 : "a"(SYS_clone), "D"(flags), "S"(stack_top()), "d"(pid), "r"(tid),
	                   "r"(tls), "r"(entry)
	                 : "rcx", "r11", "cc", "memory");
	return r;
}

long snap_child_start(void (*fn)(void), void (*crashed)(void), uint32_t *pid)
{
	if (!g_stack)
		return -ENOMEM;
	g_run = fn;
	g_crashed = crashed;
	g_crashes = 0;
	return clone_child(pid);
}

void snap_run_here(void (*fn)(void))
{
	if (!g_stack) {
		fn();
		return;
	}
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
	                 "mov %[top], %%rsp\n\t"
	                 "call *%[fn]\n\t"
	                 "mov %%rbx, %%rsp"
	                 :
	                 : [top] "r"(stack_top()), [fn] "r"(fn)
	                 : "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc",
	                   "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
	                   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

/* ---- may we? ---- */

static long g_filters_at_start; /* -1: there was one, and how many cannot be told */

/* How many seccomp filters this thread has, -1 unknown. Static buffer: the stack may be tiny; one
 * caller at a time. */
static long count_filters(void)
{
	static char text[4096];
	static const char key[] = "\nSeccomp_filters:\t";
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

int snap_child_init(void)
{
	if (!g_stack)
		g_stack = sys_map(STACK_BYTES);
	g_filters_at_start = count_filters();
	return g_stack ? 0 : -ENOMEM;
}

/*
 * Filters that were there at the start (a container's, systemd's) let programs make processes, or
 * answer with an errno. A program that has locked itself in since may have chosen to be killed for
 * a clone; open, write and rename are the least that writing takes, so then it is done in place.
 */
bool snap_child_allowed(void)
{
	long now = count_filters();

	return now == 0 || (now > 0 && now == g_filters_at_start);
}
