/*
 * snapshot.c - who writes a snapshot, and when: turns, the child's life, the end of the process.
 * Owns the one job in flight. Context: take, final, reap run anywhere, a signal handler that
 * interrupted our own tracker included; so no lock but the turn, which is only held with all
 * signals blocked, and raw system calls only. Must not know the format: snap_*.c do.
 */
#include "snapshot.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "context.h"
#include "control_page.h"
#include "options.h"
#include "reach.h"
#include "seccomp.h"
#include "snap.h"
#include "sys.h"

struct fmt_control *g_control;

/*
 * Whose turn it is to write. TAKEN is never left for long: it is the few microseconds around clone,
 * or a write in this very process; the kernel itself puts the child's pid in its place, before
 * either of the two runs on.
 */
enum { TURN_FREE = 0, TURN_TAKEN = ~0u };
static uint32_t g_turn;
static uint32_t g_done;         /* the child is past its last access to anything shared */
static void (*g_crashed)(void); /* for a child that could not tell its end */

static struct snap_job g_job;
static struct snap_name g_name;
static int g_result; /* of the last job */
static uint8_t g_buffer[SNAP_BUFFER];

static uint32_t g_pid; /* 0: not initialised */
static uint32_t g_sequence, g_failed;
static bool g_forked;
/* The image's start on two clocks, read once: where the clock of the day is set later, all
 * snapshots of this image must still say the same start. */
static uint64_t g_start_ns, g_start_real_ns;

/* ---- in the child ---- */

static void publish_path(struct fmt_control *c)
{
	uint32_t odd = __atomic_load_n(&c->seqlock, __ATOMIC_RELAXED) | 1;
	struct text t = TEXT(c->path);

	__atomic_store_n(&c->seqlock, odd, __ATOMIC_SEQ_CST);
	text_str(&t, g_name.path);
	c->sequence = g_job.sequence;
	__atomic_store_n(&c->seqlock, odd + 1, __ATOMIC_SEQ_CST);
}

static void note_result(int error)
{
	__atomic_store_n(&g_result, error, __ATOMIC_RELEASE);
	__atomic_fetch_add(error ? &g_failed : &g_sequence, 1, __ATOMIC_RELAXED);
}

/* Tells who asked: the page, or a person on stderr when it failed. */
static void report(int error)
{
	struct fmt_control *c = g_control;
	char line[256];

	note_result(error);
	control_page_look();
	if (error)
		snap_file_explain(&g_name, error, line, sizeof(line));
	if (!c)
		return;
	if (error) {
		memcpy(c->error, line, sizeof(line));
		c->last_errno = (uint32_t)-error;
		c->failed_request = g_job.request.number + 1;
		__atomic_fetch_add(&c->failed, 1, __ATOMIC_RELEASE);
	} else if (g_job.request.reason != FMT_REASON_PEAK) {
		/* Nobody asks for the peak, and who asks for another must not be given that. */
		publish_path(c);
	}
	__atomic_store_n(&c->writer, 0, __ATOMIC_RELEASE);
	/* Last: this is what the reader waits for. A late answer must not undo a newer one. */
	if ((int32_t)(g_job.request.number - c->completed) > 0)
		__atomic_store_n(&c->completed, g_job.request.number, __ATOMIC_RELEASE);
}

static void write_snapshot(void)
{
	struct snap_out o;
	uint32_t writer = __atomic_load_n(&g_turn, __ATOMIC_ACQUIRE);

	control_page_look();
	if (g_control)
		__atomic_store_n(&g_control->writer, writer == TURN_TAKEN ? g_pid : writer,
		                 __ATOMIC_RELEASE);
	snap_fds_look();
	if (writer != TURN_TAKEN)
		snap_child_close();
	snap_find_proc(&g_job);
	int error = snap_file_open(&g_name, g_job.pid, g_job.begin_ns);

	if (g_job.is_copy)
		snap_copy_begun(&g_name);
	if (!error) {
		snap_out_begin(&o, g_name.fd, g_buffer);
		snap_info(&o, &g_job);
		snap_tables(&o, &g_job);
		snap_audit(&o, &g_job);
		error = snap_out_end(&o);
		if (error)
			snap_file_discard(&g_name);
		else
			error = g_job.request.reason == FMT_REASON_PEAK
			                ? snap_file_commit_peak(&g_name)
			                : snap_file_commit(&g_name, g_job.request.aside);
	}
	report(error);
	if (g_job.is_copy)
		snap_copy_ended(&g_name, error);
	__atomic_store_n(&g_done, 1, __ATOMIC_RELEASE);
}

static void write_crashed(void)
{
	snap_scratch_free_all();
	snap_file_discard(&g_name);
	report(-EFAULT);
	if (g_job.is_copy)
		snap_copy_ended(&g_name, -EFAULT);
	__atomic_store_n(&g_done, 1, __ATOMIC_RELEASE);
}

/* ---- turns ---- */

static void give_turn(uint32_t from)
{
	if (!__atomic_compare_exchange_n(&g_turn, &from, TURN_FREE, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_RELAXED))
		return;
	sys_call(SYS_futex, &g_turn, FUTEX_WAKE_PRIVATE, 64, NULL, NULL, 0);
}

/* A child that somebody has killed could not tell. */
static void child_gone(uint32_t pid)
{
	uint32_t is = pid;
	int result;

	/* Two threads may see it end; one of them clears up. */
	if (!__atomic_compare_exchange_n(&g_turn, &is, TURN_TAKEN, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_RELAXED))
		return;
	bool done = __atomic_load_n(&g_done, __ATOMIC_ACQUIRE);

	/* What a copy has noted is in its own memory. */
	if (g_job.is_copy && snap_copy_result(&g_name, &result)) {
		note_result(result);
		if (!result)
			snap_file_adopt(&g_name, g_job.request.aside);
		done = true;
	}
	if (!done) {
		g_name.fd = -1; /* the number was the child's: here it is the program's */
		g_crashed();
	}
	give_turn(TURN_TAKEN);
}

/* Ends when the child has ended. It is found by its number only: another's wait() never sees it,
 * and -ECHILD means that somebody who waits for everything (__WALL) has been quicker. */
static void wait_child(uint32_t pid, bool block)
{
	long r;

	do
		r = sys_call(SYS_wait4, pid, NULL, __WALL | (block ? 0 : WNOHANG), NULL);
	while (r == -EINTR);
	if (r == (long)pid || r == -ECHILD)
		child_gone(pid);
}

void snapshot_reap(void)
{
	uint32_t turn = __atomic_load_n(&g_turn, __ATOMIC_ACQUIRE);

	/* A child of vfork shares this memory, but not our children. */
	if (likely(turn == TURN_FREE) || turn == TURN_TAKEN || sys_getpid() != g_pid)
		return;
	/* When it is done it will be gone at once. */
	wait_child(turn, __atomic_load_n(&g_done, __ATOMIC_ACQUIRE));
}

bool snapshot_busy(void)
{
	return __atomic_load_n(&g_turn, __ATOMIC_ACQUIRE) != TURN_FREE &&
	       !__atomic_load_n(&g_done, __ATOMIC_ACQUIRE);
}

static bool take_turn(void)
{
	uint32_t is = TURN_FREE;

	snapshot_reap();
	if (!__atomic_compare_exchange_n(&g_turn, &is, TURN_TAKEN, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&g_done, 0, __ATOMIC_RELEASE);
	return true;
}

/* Until whoever has the turn now may have given it away. */
static void wait_turn(void)
{
	struct timespec a_while = {0, 10000000};
	uint32_t turn = __atomic_load_n(&g_turn, __ATOMIC_ACQUIRE);

	if (turn == TURN_TAKEN)
		sys_call(SYS_futex, &g_turn, FUTEX_WAIT_PRIVATE, turn, &a_while, NULL, 0);
	if (turn != TURN_TAKEN && turn != TURN_FREE)
		wait_child(turn, true);
}

/* ---- in the parent ---- */

int snapshot_init(void)
{
	if (g_pid)
		return 0;
	snap_file_init();
	snap_info_init();
	int r = snap_child_init();

	uint64_t age = (uint64_t)context_tick() << FMT_TICK_SHIFT;
	g_start_ns = sys_now_ns() - age;
	g_start_real_ns = sys_real_ns() - age;
	g_pid = (uint32_t)sys_getpid();
	return r;
}

static void fill_job(const struct snapshot_request *r)
{
	struct text label = TEXT(g_job.label);

	memset(&g_job, 0, sizeof(g_job));
	g_job.request = *r;
	reach_forget_request();
	text_str(&label, r->label);
	g_job.pid = g_pid;
	g_job.thread = (uint32_t)sys_gettid();
	g_job.ppid = (uint32_t)sys_call(SYS_getppid);
	g_job.sequence = g_sequence + 1;
	g_job.failed = g_failed;
	g_job.begin_ns = sys_now_ns();
	g_job.uptime_ns = g_job.begin_ns - g_start_ns;
	g_job.time_ns = sys_real_ns();
	g_job.start_ns = g_start_real_ns;
	g_job.tick = context_tick();
	g_job.forked = g_forked;
	snap_own_look(&g_job);
}

static long start(void (*run)(void), void (*crashed)(void), bool copy)
{
	g_crashed = crashed;
	return snap_child_start(run, crashed, &g_turn, copy);
}

/* A copy of the process, made while its other threads stand still, marks itself and writes. */
static long start_copy(void)
{
	/* What our callers keep in registers is saved in this frame, and stays in it. */
	__builtin_unwind_init();
	long child;

	if (!snap_copy_ready() || !reach_copy(__builtin_frame_address(0)))
		return -EPERM;
	g_job.is_copy = true;
	child = start(write_snapshot, write_crashed, true);
	reach_copied(child);
	snap_copy_set_frozen(g_reach_report.frozen_ns, g_reach_report.clone_ns);
	if (child < 0)
		g_job.is_copy = false;
	return child;
}

/* With the turn, and all signals blocked. False: another has it, and `wait` is not asked for. */
static bool begin(struct sys_signals *signals, bool wait)
{
	for (;;) {
		/* Else a handler on this thread could want the turn that the thread has. */
		sys_signals_hold(signals);
		if (take_turn())
			return true;
		sys_signals_release(signals, false);
		if (!wait)
			return false;
		wait_turn();
	}
}

static void wait_end(long child)
{
	while (__atomic_load_n(&g_turn, __ATOMIC_ACQUIRE) == (uint32_t)child)
		wait_child((uint32_t)child, true);
}

/* The last snapshot's job is in the hands of its child. Changes with all signals blocked. */
static bool g_final_begun;

int snapshot_take(const struct snapshot_request *r)
{
	struct sys_signals signals;
	long child = -EPERM;

	if (g_seccomp_quiet)
		return -EPERM;
	if (!g_pid)
		snapshot_init();
	if (sys_getpid() != g_pid)
		return -ECHILD; /* in a child of vfork, or a fork that nobody has told us of */
	if (!begin(&signals, r->wait))
		return -EBUSY;
	fill_job(r);
	if (r->last)
		g_final_begun = true;
	bool allowed = snap_child_allowed();
	if (r->reach)
		child = start_copy();
	if (child < 0 && allowed)
		child = start(write_snapshot, write_crashed, false);
	if (child < 0) {
		snap_run_here(write_snapshot);
		child = g_result;
		give_turn(TURN_TAKEN);
		sys_signals_release(&signals, true);
		return (int)child;
	}
	sys_signals_release(&signals, false);
	if (!r->wait)
		return 0;
	wait_end(child);
	return __atomic_load_n(&g_result, __ATOMIC_ACQUIRE);
}

bool snapshot_any(void)
{
	return __atomic_load_n(&g_sequence, __ATOMIC_RELAXED) || snapshot_busy();
}

const char *snapshot_path(void)
{
	return g_name.path;
}

/* ---- something else beside the program ---- */

static struct {
	void (*run)(void), (*crashed)(void);
	bool ran; /* the turn went to the child, which has given it away */
} g_beside;

static void beside_run(void)
{
	snap_child_close();
	g_beside.run();
	__atomic_store_n(&g_done, 1, __ATOMIC_RELEASE);
}

static void beside_crashed(void)
{
	g_beside.crashed();
	__atomic_store_n(&g_done, 1, __ATOMIC_RELEASE);
}

static int run_beside(void (*run)(void), void (*crashed)(void))
{
	long child = -EPERM;

	g_job.is_copy = false;
	g_beside.run = run;
	g_beside.crashed = crashed;
	if (snap_child_allowed())
		child = start(beside_run, beside_crashed, false);
	if (child < 0)
		return (int)child;
	g_beside.ran = true;
	wait_end(child);
	return 0;
}

int snapshot_with_turn(int (*fn)(snapshot_beside *beside))
{
	struct sys_signals signals;

	if (!g_pid || sys_getpid() != g_pid)
		return -ECHILD;
	begin(&signals, true);
	g_beside.ran = false;
	int r = fn(run_beside);

	if (!g_beside.ran)
		give_turn(TURN_TAKEN);
	sys_signals_release(&signals, false);
	return r;
}

bool snapshot_run_here(void (*run)(void))
{
	return snap_run_guarded(run);
}

/* ---- the last one ---- */

/* The thread that writes the last snapshot; then FINAL_DONE. */
enum { FINAL_NONE = 0, FINAL_DONE = ~0u };
static uint32_t g_final;

/*
 * A handler that has interrupted its thread in snapshot_final() ends the process: the thread will
 * not go on. If it was still waiting for its turn, the snapshot is the handler's to take. If not,
 * the file is waited for, but not for ever: who sends a second signal wants an end.
 */
static void final_within_final(const struct snapshot_request *last)
{
	struct timespec a_while = {0, 1000000};

	if (!g_final_begun) {
		snapshot_take(last);
		return;
	}
	for (int i = 0; i < 2000 && snapshot_busy(); i++)
		sys_call(SYS_nanosleep, &a_while, NULL);
}

void snapshot_final(const struct snapshot_request *r)
{
	struct snapshot_request last = *r;
	struct timespec a_while = {0, 10000000};
	uint32_t is = FINAL_NONE, me = (uint32_t)sys_gettid();

	last.wait = last.last = true;
	if (__atomic_compare_exchange_n(&g_final, &is, me, false, __ATOMIC_ACQ_REL,
	                                __ATOMIC_ACQUIRE)) {
		snapshot_take(&last);
		is = me;
		__atomic_compare_exchange_n(&g_final, &is, FINAL_DONE, false, __ATOMIC_ACQ_REL,
		                            __ATOMIC_RELAXED);
		sys_call(SYS_futex, &g_final, FUTEX_WAKE_PRIVATE, 64, NULL, NULL, 0);
		return;
	}
	if (is == me) {
		final_within_final(&last);
		return;
	}
	/* Another thread ends the process, too: whoever waits for the process to end expects the
	 * file. */
	while (is != FINAL_DONE && is != FINAL_NONE) {
		sys_call(SYS_futex, &g_final, FUTEX_WAIT_PRIVATE, is, &a_while, NULL, 0);
		is = __atomic_load_n(&g_final, __ATOMIC_ACQUIRE);
	}
}

void snapshot_final_undo(void)
{
	g_final_begun = false;
	__atomic_store_n(&g_final, FINAL_NONE, __ATOMIC_RELEASE);
}

void snapshot_fork_child(void)
{
	g_turn = TURN_FREE;
	g_done = 0;
	g_final = FINAL_NONE;
	g_final_begun = false;
	g_control = NULL; /* the parent's page */
	g_sequence = g_failed = 0;
	g_forked = true;
	g_pid = (uint32_t)sys_getpid();
	snap_copy_fork_child();
	snap_scratch_free_all(); /* our copies of what the parent's writer had */
	snap_file_restart();
}
