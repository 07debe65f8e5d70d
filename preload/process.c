/*
 * process.c - see process.h. Owns the identity of this process and the way its images end. Knows
 * every table by its fork function, and nothing else of them. Context: anything, also a signal
 * handler and a child that shares our memory.
 */
#include "process.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include "barred.h"
#include "control.h"
#include "fd.h"
#include "format.h"
#include "intended.h"
#include "leftover.h"
#include "live.h"
#include "map.h"
#include "options.h"
#include "process_match.h"
#include "reach.h"
#include "seccomp.h"
#include "signals.h"
#include "snapshot.h"
#include "stack.h"
#include "stop.h"
#include "sys.h"
#include "tally.h"
#include "task.h"
#include "tests.h"
#include "timer.h"
#include "trace.h"
#include "track.h"
#include "verify.h"
#include "watch.h"

/* A fork child that allocates less before its exec is a shell's way to start a command. */
#define BRIEF_CALLS 10000u

static bool g_on; /* from process_init() on, while this process is profiled */
static uint32_t g_pid;
/* Reads 0 in a child that has a copy of our memory, whatever made it, and 1 in one that shares it.
 */
static uint32_t *g_same;
static uint32_t g_always = 1; /* in its place where the kernel cannot do that */
bool g_process_shares;

static bool g_forked;      /* this image came by fork, not by exec */
static bool g_unannounced; /* and by one that libc's own locks know nothing of */
static uint32_t g_calls;   /* n_heap of the thread that came out of the fork */
static uint32_t g_daemon;  /* the thread that is in daemon() */
static int g_quick_status = -1;

/* ---- who are we ---- */

#define MARK "OUTLIVE_FOLLOW_ONLY="

bool process_early(void)
{
	char mark[24];

	g_pid = (uint32_t)sys_getpid();
	g_same = sys_map(4096);
	if (!g_same || sys_call(SYS_madvise, g_same, 4096, MADV_WIPEONFORK))
		g_same = &g_always;
	*g_same = 1;
	g_sys_waited = process_check_fork;
	if (!process_match(g_options.only, (const char *)getauxval(AT_EXECFN)))
		return false;
	if (g_options.follow || !process_environment(MARK, mark, sizeof(mark)))
		return true;
	/* Somebody before us was not to be followed; we go on if we are he, after an exec. */
	uint64_t pid = 0;
	for (const char *p = mark; *p >= '0' && *p <= '9'; p++)
		pid = pid * 10 + (uint64_t)(*p - '0');
	return pid == g_pid;
}

/*
 * What our children can know us by. Not by setenv: its memory would be the program's, and shown as
 * such.
 */
static void leave_mark(void)
{
	static char mark[sizeof(MARK) + 20];
	struct text t = TEXT(mark);
	size_t n = 0;

	for (char **e = environ; e && *e; e++, n++)
		if (!strncmp(*e, MARK, sizeof(MARK) - 1))
			return;
	char **all = sys_map((n + 2) * sizeof(*all));
	if (!all)
		return;
	text_str(&t, MARK);
	text_u64(&t, g_pid);
	if (n)
		memcpy(all, environ, n * sizeof(*all));
	all[n] = mark;
	environ = all;
}

/* ---- the end ---- */

bool process_may_ask_allocator(void)
{
	/* A handler may have interrupted the allocator, and a raw fork may have left its locks
	 * held. */
	return !(t_self.flags & (IN_TRACKER | IN_HEAP)) && !g_unannounced;
}

static void refresh_audit(void)
{
	/* Where calls go to libc's allocator past our flags (sample.h), exit in a handler looks
	 * like any other. */
	if (process_may_ask_allocator() && !g_sample_direct)
		snapshot_audit_refresh(true);
}

/* This image has told that it leaves nothing: it has no last snapshot. */
static bool g_told;

static bool tell_nothing_left(unsigned reason)
{
	if (__atomic_load_n(&g_told, __ATOMIC_ACQUIRE))
		return true;
	if (snapshot_any() || !leftover_none(reason))
		return false;
	control_hide();
	__atomic_store_n(&g_told, true, __ATOMIC_RELEASE);
	return true;
}

static void finish(const struct snapshot_request *r)
{
	/* First: what other threads still take must not come after the last one. */
	control_hide();
	watch_end();
	snapshot_final(r);
}

static bool is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGTRAP;
}

void process_end(unsigned reason, int signal_number, int status)
{
	struct snapshot_request r = {
	        .reason = reason, .signal = signal_number, .exit_status = status, .wait = true};

	if (!g_on || g_seccomp_quiet || !process_is_ours() || !g_on)
		return;
	/* _exit may be called with anything held, and by a signal's handler. */
	if (reason == FMT_REASON_EXIT)
		leftover_settle();
	/* After a fault nothing can be trusted; and most have been marked by now: reach.h. */
	if (reason != FMT_REASON_ABORT && !is_fault(signal_number))
		reach_exit(NULL);
	if (tell_nothing_left(reason))
		return;
	signals_tell(&r);
	if (reason == FMT_REASON_EXIT || reason == FMT_REASON_QUICK_EXIT)
		refresh_audit();
	finish(&r);
}

/* The first registered, so it runs when all of the program's own have run, and all destructors. */
static void on_exit_last(int status, void *arg)
{
	(void)arg;
	process_end(FMT_REASON_EXIT, 0, status & 0xff);
}

static void on_quick_exit_last(void)
{
	process_end(FMT_REASON_QUICK_EXIT, 0, g_quick_status);
}

void process_quick_end(int status)
{
	process_end(FMT_REASON_QUICK_EXIT, 0, status & 0xff);
}

void process_quick_status(int status)
{
	g_quick_status = status & 0xff;
}

/* ---- filters ---- */

/* What is to be told while it can be. */
static void tell_filter(enum seccomp_effect effect)
{
	struct snapshot_request r = {.reason = FMT_REASON_DEMAND,
	                             .exit_status = -1,
	                             .label = "before a seccomp filter",
	                             .before_filter = true,
	                             .wait = true};

	tally_locked_in(true);
	if (effect >= SECCOMP_SHUTS) {
		/* First: what other threads still take must not come after it. */
		control_hide();
		snapshot_take(&r);
	}
}

/* With the snapshot's turn: a child that writes would be silent, too. */
static int silence(snapshot_beside *beside)
{
	(void)beside;
	sys_silence(SYS_OTHERS_SILENT);
	return 0;
}

/* A filter for all threads comes upon them wherever they are. What they have begun of ours they may
 * end; then no call is made any more, and who has not heard it yet has made his. */
static int silence_others(snapshot_beside *beside)
{
	enum { END_NS = 300000, CALL_NS = 20000 };

	sys_wait_others(END_NS, 100000000);
	silence(beside);
	sys_wait_others(CALL_NS, 1000000000);
	return 0;
}

struct process_filter process_filter_begin(const void *filter, bool strict, bool all_threads)
{
	struct process_filter f = {.effect = SECCOMP_HARMLESS};

	if (g_seccomp_quiet)
		return f;
	f.borrowed = !process_is_ours();
	if (g_on && !f.borrowed)
		sys_map_unlocked(false);
	f.effect = seccomp_effect(filter, strict);
	if (f.effect == SECCOMP_HARMLESS)
		return f;
	/* The others go on writing. */
	if (f.effect == SECCOMP_SHUTS && !all_threads && !__libc_single_threaded)
		f.effect = SECCOMP_BARS;
	barred_begin(f.borrowed);
	if (f.borrowed)
		tally_locked_in(true);
	if (f.borrowed || !g_on)
		return f;
	tell_filter(f.effect);
	if (f.effect < SECCOMP_DEADLY)
		return f;
	/* Before the filter is there: all of this would be calls that the program did not make. */
	signals_withdraw(true);
	__atomic_store_n(&g_tracking, false, __ATOMIC_RELEASE);
	/* This thread's calls ask no more; those of others, whom the filter may be for, too, make
	 * do with the pages that there are. */
	t_self.exact = NULL;
	sys_map_no_more(true);
	snapshot_with_turn(all_threads && !__libc_single_threaded ? silence_others : silence);
	return f;
}

void process_filter_end(struct process_filter f, bool set)
{
	bool deadly = f.effect == SECCOMP_DEADLY && !f.borrowed;

	if (f.effect == SECCOMP_HARMLESS)
		return;
	if (set) {
		/* It has been told, and is so for each file from here on. */
		g_options.quiet |= f.effect == SECCOMP_SHUTS && !f.borrowed;
		g_seccomp_quiet = deadly;
		g_on &= !deadly;
		if (deadly)
			sys_silence(SYS_ALL_SILENT);
		return;
	}
	barred_undo();
	tally_locked_in(false);
	if (f.borrowed || !g_on)
		return;
	if (deadly) {
		sys_silence(SYS_NOBODY_SILENT);
		sys_map_no_more(false);
		__atomic_store_n(&g_tracking, true, __ATOMIC_RELEASE);
		signals_withdraw(false);
	}
	if (f.effect >= SECCOMP_SHUTS)
		control_show();
}

/* ---- exec ---- */

static bool is_brief(void)
{
	return g_forked && t_self.n_heap - g_calls < BRIEF_CALLS && (uint32_t)sys_gettid() == g_pid;
}

bool process_exec(void)
{
	struct snapshot_request r = {.reason = FMT_REASON_EXEC, .exit_status = -1, .wait = true};

	if (!g_on || !process_is_ours() || !g_on)
		return false;
	if (is_brief()) {
		control_hide();
	} else {
		reach_exit(NULL);
		if (!tell_nothing_left(FMT_REASON_EXEC)) {
			refresh_audit();
			finish(&r);
		}
	}
	control_settle();
	signals_exec(true);
	return true;
}

void process_exec_failed(void)
{
	signals_exec(false);
	g_told = false;
	reach_exit_undo();
	snapshot_final_undo();
	control_show();
}

/* ---- fork ---- */

static void become_child(void)
{
	g_pid = (uint32_t)sys_getpid();
	*g_same = 1;
	g_forked = true;
	g_calls = t_self.n_heap;
	g_daemon = 0;
	g_told = false;
	signals_fork_child();
	stop_fork_child();
	track_fork_child();
	task_fork_child();
	trace_fork_child();
	fd_fork_child();
	timer_fork_child();
	map_fork_child();
	watch_fork_child();
	stack_fork_child();
	live_fork_child();
	tests_fork_child();
	intended_fork_child();
	verify_fork_child();
	reach_fork_child();
	snapshot_fork_child();
	control_fork_child();
	if (!g_options.follow) {
		__atomic_store_n(&g_tracking, false, __ATOMIC_RELEASE);
		t_self.exact = NULL;
		g_on = false;
		control_hide();
	}
}

void process_fork_child(void)
{
	if (g_pid && !g_seccomp_quiet && (uint32_t)sys_getpid() != g_pid)
		become_child();
}

void process_check_fork(void)
{
	if (likely(!g_same || __atomic_load_n(g_same, __ATOMIC_RELAXED)) || g_seccomp_quiet)
		return;
	g_unannounced = true;
	become_child();
}

bool process_is_ours(void)
{
	process_check_fork();
	return (uint32_t)sys_getpid() == g_pid;
}

bool process_owns_tables(void)
{
	process_check_fork();
	return likely(!__atomic_load_n(&g_process_shares, __ATOMIC_RELAXED) &&
	              g_same != &g_always) ||
	       (uint32_t)sys_getpid() == g_pid;
}

/* ---- daemon ---- */

/* In the parent, after the fork, before daemon() calls its own _exit. */
static void daemon_parent(void)
{
	if (g_daemon && g_daemon == (uint32_t)sys_gettid())
		process_end(FMT_REASON_QUICK_EXIT, 0, 0);
}

void process_daemon(bool begins)
{
	if (!g_on || !process_is_ours())
		return;
	if (begins) {
		g_daemon = (uint32_t)sys_gettid();
		return;
	}
	if (!g_daemon)
		return; /* the child */
	g_daemon = 0;
	g_told = false;
	snapshot_final_undo();
	control_show();
}

/* ---- start ---- */

void process_init(void)
{
	if (!g_options.follow)
		leave_mark();
	signals_init();
	control_init();
	/* They can only fail without memory: then the process ends unseen. */
	(void)on_exit(on_exit_last, NULL);
	(void)at_quick_exit(on_quick_exit_last);
	pthread_atfork(NULL, daemon_parent, NULL);
	/* So that who is killed is missed. */
	(void)tally_begin();
	g_on = true;
	__atomic_store_n(&g_track_poll, control_poll, __ATOMIC_RELEASE);
}
