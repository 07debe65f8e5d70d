/*
 * signals.c - see signals.h. Owns the dispositions that the program has left to the default, and
 * the control signal's. Must not use libc: hooks of these very functions stand before it, and most
 * of it runs in a signal handler, on any stack, with any lock of anybody's held.
 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <ucontext.h>

#include "arch_regs.h"
#include "control.h"
#include "control_page.h"
#include "format.h"
#include "leftover.h"
#include "options.h"
#include "process.h"
#include "seccomp.h"
#include "signals_yield.h"
#include "snapshot.h"
#include "stop.h"

#define KERNEL_RESTORER 0x04000000u
#define MASK_BYTES      8
#define ALL             (~0ul)

bool g_signals_on;
int g_signals_control;
TLS bool t_signals_blocked;
/* The control signal, also when it is no longer ours: what was sent to us still comes. */
static int g_number;
TLS const void *t_signals_interrupted;
/* Sleeps of this thread: when the handler that runs was entered, and those of them that were begun
 * because a signal of ours had ended one, or in a handler. */
static TLS uint64_t t_sleeps, t_own_sleeps;

/* What the program believes: it holds where the kernel has entry(). */
static struct signals_action g_believed[SIGNALS_MAX + 1];
/* Held with all signals blocked, which is as good as IN_TRACKER: no handler of this thread can want
 * it. */
static struct sys_lock g_lock;

/*
 * Handlers may find themselves on a stack of 2 kB, which the kernel's own frame has all but filled.
 */
#define STACK_BYTES 65536u
#define STACKS      4
static char *g_stacks;
static uint32_t g_stack_used[STACKS];

static void entry(int sig, siginfo_t *info, void *context);

/* ---- the kernel ---- */

static long kernel_get(int sig, struct signals_action *a)
{
	return sys_call(SYS_rt_sigaction, sig, 0, a, MASK_BYTES);
}

static void kernel_set(int sig, const struct signals_action *a)
{
	sys_call(SYS_rt_sigaction, sig, a, 0, MASK_BYTES);
}

uint64_t signals_mask(int how, uint64_t set)
{
	uint64_t old = 0;

	sys_call(SYS_rt_sigprocmask, how, &set, &old, MASK_BYTES);
	return old;
}

/* ---- who has a signal ---- */

/* Its default action ends the process. 32 and 33 are libc's own. */
static bool is_deadly(int sig)
{
	switch (sig) {
	case SIGKILL:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGCONT:
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
	case 32:
	case 33:
		return false;
	default:
		return sig > 0 && sig <= SIGNALS_MAX;
	}
}

/* One-shot handlers, too: after the shot the kernel would have SIG_DFL, and we would not know. */
static bool is_wanted(int sig, const struct signals_action *a)
{
	if (sig == g_signals_control)
		return true;
	if (!is_deadly(sig) || a->handler == (void *)SIG_IGN)
		return false;
	return a->handler == (void *)SIG_DFL || (a->flags & SA_RESETHAND);
}

/* In place of a default action. */
static const struct signals_action g_default = {
        (void *)entry, SA_SIGINFO | SA_ONSTACK | SA_RESTART | KERNEL_RESTORER,
        (void *)arch_sigreturn, ALL};

/* The kernel gets entry(), with what of the program's wishes it can do for us. */
static void take(int sig, const struct signals_action *a)
{
	struct signals_action k = g_default;

	g_believed[sig] = *a;
	if (a->handler != (void *)SIG_DFL && a->handler != (void *)SIG_IGN) {
		k = *a;
		k.handler = (void *)entry;
		k.flags |= SA_SIGINFO;
		if (sig == g_signals_control)
			k.flags &= ~(uint64_t)SA_RESETHAND;
	}
	kernel_set(sig, &k);
}

bool signals_believed(int sig, const void *kernel_handler, struct signals_action *out)
{
	if (kernel_handler != (void *)entry || sig < 1 || sig > SIGNALS_MAX)
		return false;
	*out = g_believed[sig];
	return true;
}

bool signals_is_ours(int sig)
{
	struct signals_action k = {0};

	return g_signals_on && !kernel_get(sig, &k) && k.handler == (void *)entry &&
	       g_believed[sig].handler == (void *)SIG_DFL;
}

/* ---- changes by the program ---- */

struct signals_change signals_change_begin(int sig)
{
	struct signals_change c = {.sig = sig};
	struct signals_action k = {0};

	/* A vfork child has dispositions of its own, but our memory is its parent's: what it
	 * believes is not kept, and it gets what it asks for. */
	c.ours = g_signals_on && sig > 0 && sig <= SIGNALS_MAX && process_is_ours();
	if (!c.ours)
		return c;
	c.mask = signals_mask(SIG_SETMASK, ALL);
	sys_lock(&g_lock);
	if (!kernel_get(sig, &k) && k.handler == (void *)entry)
		kernel_set(sig, &g_believed[sig]);
	return c;
}

void signals_change_end(const struct signals_change *c)
{
	struct signals_action k = {0};

	if (!c->ours)
		return;
	if (!kernel_get(c->sig, &k) && is_wanted(c->sig, &k))
		take(c->sig, &k);
	sys_unlock(&g_lock);
	signals_mask(SIG_SETMASK, c->mask);
}

void signals_change_pause(const struct signals_change *c)
{
	if (!c->ours)
		return;
	sys_unlock(&g_lock);
	signals_mask(SIG_SETMASK, c->mask);
}

void signals_settle(void)
{
	if (likely(!t_signals_blocked) || g_signals_control || !process_is_ours())
		return;
	t_signals_blocked = false;
	signals_mask(SIG_BLOCK, signals_bit(g_number));
}

void signals_hand_on(bool begins)
{
	if (t_signals_blocked && g_signals_on && g_signals_control)
		signals_mask(begins ? SIG_BLOCK : SIG_UNBLOCK, signals_bit(g_signals_control));
}

static bool is_request(const siginfo_t *info)
{
	return info->si_code == SI_QUEUE && info->si_value.sival_int == FMT_CONTROL_VALUE;
}

void signals_send_again(int sig, const void *siginfo)
{
	const siginfo_t *info = siginfo;

	if (info->si_code == SI_TKILL) /* this thread's alone */
		sys_call(SYS_rt_tgsigqueueinfo, sys_getpid(), sys_gettid(), sig, info);
	else
		sys_call(SYS_rt_sigqueueinfo, sys_getpid(), sig, info);
}

/* What was sent to us, and given to a thread that the exec will end before it takes it, would stay
 * pending, and be the end of the new image. */
static void drop_requests(void)
{
	const struct timespec at_once = {0, 0};
	uint64_t bit = signals_bit(g_number);
	siginfo_t info;

	while (sys_call(SYS_rt_sigtimedwait, &bit, &info, &at_once, MASK_BYTES) > 0)
		if (!is_request(&info) && !stop_is_order(&info)) {
			signals_send_again(g_number, &info);
			break;
		}
}

void signals_exec(bool begins)
{
	int sig = g_signals_control;

	signals_settle();
	if (!g_signals_on || !sig)
		return;
	if (begins && seccomp_now() != SECCOMP_LOCKED_IN)
		drop_requests();
	signals_hand_on(begins);
	if (g_believed[sig].handler != (void *)SIG_IGN)
		return;
	if (begins)
		kernel_set(sig, &g_believed[sig]);
	else
		take(sig, &g_believed[sig]);
}

static void take_all(void)
{
	struct signals_action k = {0};

	for (int sig = 1; sig <= SIGNALS_MAX; sig++)
		if (is_deadly(sig) && !kernel_get(sig, &k) && is_wanted(sig, &k))
			take(sig, &k);
}

void signals_withdraw(bool begins)
{
	static bool withdrawn;
	int control = g_signals_control;
	struct signals_action k = {0};

	if (begins && g_signals_on) {
		withdrawn = true;
		g_signals_on = false;
		signals_set_fds(0);
		if (t_signals_blocked)
			signals_mask(SIG_BLOCK, signals_bit(control));
		for (int sig = 1; sig <= SIGNALS_MAX; sig++) {
			if (kernel_get(sig, &k) || k.handler != (void *)entry)
				continue;
			k = g_believed[sig];
			if (sig == control && k.handler == (void *)SIG_DFL)
				k.handler = (void *)SIG_IGN;
			kernel_set(sig, &k);
		}
	} else if (!begins && withdrawn) {
		if (control)
			kernel_set(control, &g_believed[control]);
		take_all();
		signals_set_fds(signals_bit(control));
		if (control && t_signals_blocked)
			signals_mask(SIG_UNBLOCK, signals_bit(control));
		g_signals_on = true;
	}
}

/* ---- a signal comes ---- */

/* The instruction that was interrupted will fault again. Traps and seccomp's SIGSYS stand behind
 * theirs, and some memory errors are told later. */
static bool is_fault(int sig, const siginfo_t *info)
{
	if (info->si_code <= 0)
		return false;
	return sig == SIGSEGV || sig == SIGFPE || sig == SIGILL ||
	       (sig == SIGBUS && info->si_code != BUS_MCEERR_AO);
}

struct death {
	int sig;
	unsigned reason;
};

static void last_snapshot(void *arg)
{
	const struct death *d = arg;

	process_end(d->reason, d->sig, -1);
}

static void on_own_stack(void (*fn)(void *), void *arg)
{
	for (unsigned i = 0; g_stacks && i < STACKS; i++) {
		if (__atomic_exchange_n(&g_stack_used[i], 1, __ATOMIC_ACQUIRE))
			continue;
		arch_call_on(g_stacks + (i + 1) * STACK_BYTES, fn, arg);
		__atomic_store_n(&g_stack_used[i], 0, __ATOMIC_RELEASE);
		return;
	}
	fn(arg);
}

/* How often this thread has given up its processor. */
static uint64_t sleeps_so_far(void)
{
	struct rusage usage = {0};

	if (g_seccomp_quiet || sys_call(SYS_getrusage, RUSAGE_THREAD, &usage) < 0)
		return 0;
	return (uint64_t)usage.ru_nvcsw;
}

/*
 * The last snapshot, and then the same death as without us: a fault happens again when we return,
 * with the registers and memory that it had, so a core shows the place; a signal that was sent is
 * sent again with the same siginfo, and strikes when the handler's mask goes.
 */
static void die(int sig, siginfo_t *info, void *context)
{
	struct death d = {sig, FMT_REASON_SIGNAL};
	struct signals_action dfl = g_believed[sig];
	long pid = sys_getpid();

	signals_mask(SIG_SETMASK, ALL);
	if (pid == 1 && !is_fault(sig, info)) {
		/* The kernel keeps signals without a handler from the first process of a
		 * container. */
		signals_restart(context);
		return;
	}
	if (sig == SIGABRT && info->si_code == SI_TKILL && info->si_pid == pid)
		d.reason = FMT_REASON_ABORT;
	/* Other threads run on while the end waits for them; without us they would be gone. */
	if (is_fault(sig, info) || d.reason == FMT_REASON_ABORT)
		leftover_park();
	t_sleeps = sleeps_so_far();
	t_signals_interrupted = context;
	on_own_stack(last_snapshot, &d);
	dfl.handler = (void *)SIG_DFL;
	kernel_set(sig, &dfl);
	if (is_fault(sig, info))
		return;
	if (sys_call(SYS_rt_tgsigqueueinfo, pid, sys_gettid(), sig, info) < 0)
		sys_call(SYS_tgkill, pid, sys_gettid(), sig);
}

static void serve(void *arg)
{
	(void)arg;
	control_signal();
}

void signals_tell(struct snapshot_request *r)
{
	r->interrupted = t_signals_interrupted;
	r->call = -1;
	if (!r->interrupted)
		return;
	r->call = signals_call(r->interrupted);
	r->sleeps = t_sleeps - t_own_sleeps;
}

/* The control signal, with its value: someone asks. The wait that it has ended goes on afterwards,
 * and is the same one to who counts a thread's sleeps. */
static void answer(void *context)
{
	bool waited = signals_call(context) >= 0;

	t_sleeps = sleeps_so_far();
	t_signals_interrupted = context;
	on_own_stack(serve, NULL);
	t_signals_interrupted = NULL;
	uint64_t slept = sleeps_so_far() - t_sleeps;
	t_own_sleeps += slept + waited;
	/* Who has slept may have overwritten what the kernel has kept of the call. */
	if (slept)
		signals_restart(context);
	else
		signals_resume(context, -1);
}

static void entry(int sig, siginfo_t *info, void *context)
{
	struct signals_action a = g_believed[sig];

	if (sig == g_number) {
		uint64_t mask = signals_mask(SIG_SETMASK, ALL);

		if (stop_on_signal(info, context))
			return;
		if (is_request(info)) {
			answer(context);
			return;
		}
		signals_mask(SIG_SETMASK, mask);
		if (signals_yield(sig, info, context))
			return;
	}
	if (a.handler == (void *)SIG_IGN)
		return;
	if (sig == SIGBUS && info->si_code > 0 && control_page_fault(info->si_addr))
		return;
	if (a.handler == (void *)SIG_DFL) {
		die(sig, info, context);
		return;
	}
	if (a.flags & SA_RESETHAND && process_is_ours()) {
		struct signals_action dfl = a;

		dfl.handler = (void *)SIG_DFL;
		take(sig, &dfl);
	}
	((void (*)(int, siginfo_t *, void *))a.handler)(sig, info, context);
}

/* ---- start ---- */

static int control_number(void)
{
	const siginfo_t by_itself = {.si_code = 1};
	int sig = (int)g_options.signal;

	if (!g_options.signal)
		return SIGNALS_MAX - 4;
	if (g_options.signal <= SIGNALS_MAX && is_deadly(sig) && !is_fault(sig, &by_itself))
		return sig;
	sys_log("signal: only one that ends a program can be used; it stays SIGRTMAX-4", "", "");
	return SIGNALS_MAX - 4;
}

/*
 * As take_all(), by one call for most of them: what is not ours to have is given back, with all
 * signals blocked, so that none comes in between; one that is ignored is dropped when it is ignored
 * again.
 */
static void take_at_start(void)
{
	for (int sig = 1; sig <= SIGNALS_MAX; sig++) {
		struct signals_action was = {0};

		if (!is_deadly(sig) ||
		    sys_call(SYS_rt_sigaction, sig, &g_default, &was, MASK_BYTES))
			continue;
		bool is_default = was.handler == (void *)SIG_DFL && !was.flags && !was.mask;

		/* So it is believed already, and the page need not be touched. */
		if (is_default)
			continue;
		if (is_wanted(sig, &was))
			take(sig, &was);
		else
			kernel_set(sig, &was);
	}
}

void signals_init(void)
{
	g_stacks = sys_map_apart(STACKS * STACK_BYTES);
	g_signals_control = g_number = control_number();
	uint64_t mask = signals_mask(SIG_SETMASK, ALL), bit = signals_bit(g_signals_control);

	take_at_start();
	t_signals_blocked = mask & bit;
	signals_mask(SIG_SETMASK, mask & ~bit);
	g_signals_on = true;
}

void signals_fork_child(void)
{
	sys_lock_reset(&g_lock);
	for (unsigned i = 0; i < STACKS; i++)
		g_stack_used[i] = 0;
}
