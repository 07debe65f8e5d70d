/*
 * helper.c - see helper.h. Owns the clone into shared memory, and what a fault does there. Context:
 * the start anywhere, a signal handler on a stack of 2 kB included; the rest in the helper.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "arch_regs.h"
#include "seccomp.h"
#include "sys.h"

#define KERNEL_MASK  8
#define SA_RESTORER_ 0x04000000ul

/* What stands at the lower end of the stack. sys_map_apart() begins on bounds of 2 MB,
 * so that from any address on the stack it is found. */
struct base {
	struct helper what;
	uint32_t crashes;
};
#define BASE_MASK (~0x1ffffful)

static struct base *base_of(const void *on_stack)
{
	return (struct base *)((uintptr_t)on_stack & BASE_MASK);
}

char *helper_stack(void)
{
	return sys_map_apart(HELPER_STACK_BYTES);
}

char *helper_stack_top(char *stack)
{
	return stack + HELPER_STACK_BYTES;
}

bool helper_allowed(void)
{
	char own[64], children[64];

	/* It ends the program for a clone that is none of its three. */
	if (arch_under_valgrind())
		return false;
	/* Nor where a filter keeps us from waiting for its end: we have no child of our number. */
	if (seccomp_begun() &&
	    sys_call(SYS_wait4, sys_getpid(), NULL, __WALL | WNOHANG, NULL) != -ECHILD)
		return false;
	long n = sys_call(SYS_readlinkat, AT_FDCWD, "/proc/thread-self/ns/pid", own, sizeof(own));

	return n <= 0 ||
	       (sys_call(SYS_readlinkat, AT_FDCWD, "/proc/thread-self/ns/pid_for_children",
	                 children, sizeof(children)) == n &&
	        !memcmp(own, children, (size_t)n));
}

static void __attribute__((noreturn)) leave(int status)
{
	for (;;) {
		sys_call(SYS_exit_group, status);
		/* A filter may refuse that one: libc does the same. */
		sys_call(SYS_exit, status);
	}
}

/*
 * A fault here must stay ours: by its default action it would dump the memory that we share, and
 * kernels before 5.16 kill everybody who shares it.
 */
static void on_fault(int signal)
{
	struct base *b = base_of(&signal);

	if (!b->crashes++ && b->what.crashed)
		b->what.crashed(b->what.arg);
	leave(1);
}

/* As the kernel has it. */
struct action {
	void *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static uint64_t bit_of(int sig)
{
	return 1ul << (sig - 1);
}

static void catch_faults(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
	const struct action action = {(void *)on_fault, SA_NODEFER | SA_RESTORER_, NULL, 0};
	uint64_t set = 0;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		sys_call(SYS_rt_sigaction, faults[i], &action, NULL, KERNEL_MASK);
		set |= bit_of(faults[i]);
	}
	sys_call(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, KERNEL_MASK);
}

static void helper_main(void)
{
	const struct helper *h = &base_of(__builtin_frame_address(0))->what;

	catch_faults();
	sys_call(SYS_prctl, PR_SET_NAME, h->name);
	h->run(h->arg);
	leave(0);
}

/* Returns in the parent only. UNTRACED: a debugger of the program must not take it for a thread. */
long helper_start(char *stack, const struct helper *h, uint64_t flags, uint32_t *pid)
{
	long memory = flags & HELPER_COPY ? CLONE_CHILD_SETTID : CLONE_VM;
	long all = (long)(flags & ~HELPER_COPY) | memory | CLONE_PARENT_SETTID | CLONE_UNTRACED;

	if (!stack)
		return -ENOMEM;
	*base_of(stack) = (struct base){.what = *h};
	return arch_clone_onto(all, helper_stack_top(stack), pid, helper_main);
}

/* ---- in the process itself ---- */

/* Where the way out of a fault leads. */
static struct arch_place g_way_out;
static bool g_faulted;

static void on_fault_here(int sig, siginfo_t *info, void *arg)
{
	ucontext_t *context = arg;
	uint64_t bit = bit_of(sig);

	if (info->si_code <= 0) {
		/* No fault: somebody has sent it, and it waits for the program as before. */
		*(uint64_t *)&context->uc_sigmask |= bit;
		sys_call(SYS_rt_sigprocmask, SIG_BLOCK, &bit, NULL, KERNEL_MASK);
		sys_call(SYS_rt_tgsigqueueinfo, sys_getpid(), sys_gettid(), sig, info);
		return;
	}
	g_faulted = true;
	arch_uc_go(context, &g_way_out);
}

bool helper_here(char *stack, void (*fn)(void))
{
	static const int faults[] = {SIGSEGV, SIGBUS};
	const struct action ours = {(void *)on_fault_here, SA_SIGINFO | SA_RESTORER_,
	                            arch_sigreturn, ~0ul};
	struct action was[2];
	uint64_t set = bit_of(SIGSEGV) | bit_of(SIGBUS);

	for (int i = 0; i < 2; i++)
		sys_call(SYS_rt_sigaction, faults[i], &ours, &was[i], KERNEL_MASK);
	g_faulted = false;
	sys_call(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, KERNEL_MASK);
	arch_call_caught(helper_stack_top(stack), fn, &g_way_out);
	sys_call(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, KERNEL_MASK);
	for (int i = 0; i < 2; i++)
		sys_call(SYS_rt_sigaction, faults[i], &was[i], NULL, KERNEL_MASK);
	return !g_faulted;
}
