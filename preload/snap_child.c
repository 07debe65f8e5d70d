/*
 * snap_child.c - a place to write from, in any context: a signal handler on a stack of 2 kB, a
 * thread that is about to die. Owns the stack. Must not know what is written.
 *
 * The child is a helper (helper.h): it lives on when the program is killed or replaced by exec. It
 * has copies of the program's descriptors only until it has closed them: a pipe's reader must not
 * wait for us.
 */
#include <errno.h>
#include <sys/resource.h>

#include "arch_regs.h"
#include "helper.h"
#include "seccomp.h"
#include "snap.h"
#include "sys.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static char *g_stack;
static void (*g_run)(void), (*g_crashed)(void);

/* ---- the child ---- */

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

static void child_main(void *unused)
{
	(void)unused;
	raise_limit();
	g_run();
}

static void child_crashed(void *unused)
{
	(void)unused;
	g_crashed();
}

long snap_child_start(void (*fn)(void), void (*crashed)(void), uint32_t *pid, bool copy)
{
	const struct helper h = {"outlive-writer", child_main, child_crashed, NULL};

	g_run = fn;
	g_crashed = crashed;
	return helper_start(g_stack, &h, copy ? HELPER_COPY : 0, pid);
}

static void run_it(void *fn)
{
	(*(void (**)(void))fn)();
}

void snap_run_here(void (*fn)(void))
{
	if (!g_stack) {
		fn();
		return;
	}
	arch_call_on(helper_stack_top(g_stack), run_it, &fn);
}

bool snap_run_guarded(void (*fn)(void))
{
	return g_stack && seccomp_now() != SECCOMP_LOCKED_IN && helper_here(g_stack, fn);
}

/* ---- may we? ---- */

int snap_child_init(void)
{
	if (!g_stack)
		g_stack = helper_stack();
	seccomp_init();
	return g_stack ? 0 : -ENOMEM;
}

/* Open, write and rename are the least that writing takes: where a clone may be deadly, it is done
 * in place. */
bool snap_child_allowed(void)
{
	return seccomp_now() != SECCOMP_LOCKED_IN && helper_allowed();
}
