/*
 * stop_helper.c - the helper of a stop: it looks around, stops the threads when it is told, and
 * lets them go. Context: a process of its own in the program's memory (helper.h). It waits for the
 * asking thread only as long as that one lives, and for any other only until the deadline.
 */
#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "stop_parts.h"
#include "sys.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define NEW_NS 2000000u

static void stop_note(struct stop *s, uint32_t lossy)
{
	s->lossy |= lossy;
}

/* ---- before ---- */

/* Programs that trace others and let signals pass. */
static bool lets_pass(int64_t tracer)
{
	char name[32];

	stop_proc_name(tracer, name, sizeof(name));
	return !strncmp(name, "strace", 6) || !strncmp(name, "ltrace", 6);
}

static uint32_t choose_way(struct stop *s, const struct stop_status *st)
{
	bool traceable = s->has_calls && !st->tracer && !st->locked;
	uint32_t ways = s->ways ? s->ways : STOP_BY_PTRACE | STOP_BY_SIGNAL;

	return ways & STOP_BY_PTRACE && traceable ? STOP_BY_PTRACE : ways & STOP_BY_SIGNAL;
}

static void note_thread(uint32_t tid, void *arg)
{
	struct stop *s = arg;

	if ((int32_t)tid == s->asker)
		return;
	/* In the order in which they were made, so mostly the next that we know. */
	for (uint32_t k = 0; k < s->count; k++) {
		uint32_t i = s->looked + k;

		i -= i >= s->count ? s->count : 0;
		if (s->threads[i].tid != (int32_t)tid)
			continue;
		s->looked = i + 1 < s->count ? i + 1 : 0;
		return;
	}
	if (s->count == s->capacity) {
		stop_note(s, STOP_LOSSY_ROOM);
		return;
	}
	struct stop_thread *t = &s->threads[s->count];

	memset(t, 0, sizeof(*t));
	t->tid = (int32_t)tid;
	t->state = STOP_RUNS;
	t->call = STOP_CALL_UNKNOWN;
	__atomic_store_n(&s->count, s->count + 1, __ATOMIC_RELEASE);
}

static void list(struct stop *s)
{
	s->looked = 0;
	stop_proc_list(s, note_thread, s);
}

static int look(struct stop *s)
{
	struct stop_thread self = {.tid = s->asker};
	struct stop_status st;

	if (!stop_proc_status(s, s->asker, &st))
		return STOP_NO_PROC;
	if (st.tracer && !lets_pass(st.tracer))
		return STOP_DEBUGGER;
	/* What may read this may trace, too. */
	s->has_calls = stop_proc_call(s, &self);
	/* Those who are stopped wait for us, and those who are not yet would go first. Not where a
	 * filter may be set on it. */
	if (!st.locked)
		sys_call(SYS_setpriority, PRIO_PROCESS, 0, -20);
	s->fd_room = (uint32_t)st.fd_room;
	s->way = choose_way(s, &st);
	list(s);
	return STOP_OK;
}

/* ---- stop ---- */

static bool is_vfork(int64_t call)
{
	return call == SYS_vfork || call == SYS_clone || call == SYS_clone3;
}

static void cannot(struct stop *s, struct stop_thread *t, uint32_t lossy)
{
	t->asleep = 1;
	stop_note(s, lossy);
}

/* Its state, or B or b (asleep, running) where it cannot be had as it is now. */
static char state_of(struct stop *s, struct stop_thread *t)
{
	char state;

	if (s->way != STOP_BY_PTRACE)
		return stop_signal_state(s, t);
	state = stop_proc_state(s, t->tid);
	if (state == 'D' && s->has_calls)
		stop_proc_call(s, t);
	return state;
}

/*
 * Who is in uninterruptible sleep would keep all others waiting. Mostly that is a disk's moment,
 * and who blocks all signals is libc, for a moment; that can pass while everybody still runs.
 */
static void examine(struct stop *s, struct stop_thread *t, uint64_t until, uint64_t until_running)
{
	struct timespec a_moment = {0, 200000};

	for (;;) {
		char state = state_of(s, t);
		bool last = sys_now_ns() >= (state == 'b' ? until_running : until);

		if (!state || state == 'Z' || state == 'X') {
			t->state = STOP_GONE;
			return;
		}
		if (state == 'D' && (is_vfork(t->call) || last)) {
			cannot(s, t, is_vfork(t->call) ? STOP_LOSSY_VFORK : STOP_LOSSY_SLEEP);
			return;
		}
		if ((state == 'B' || state == 'b') && last) {
			cannot(s, t, STOP_LOSSY_BLOCKED);
			return;
		}
		if (state != 'D' && state != 'B' && state != 'b')
			return;
		sys_call(SYS_nanosleep, &a_moment, NULL);
	}
}

static void begin(struct stop *s, uint32_t index)
{
	struct stop_thread *t = &s->threads[index];
	int r = -EPERM;

	if (t->state == STOP_GONE || t->asleep)
		return;
	if (s->way == STOP_BY_PTRACE)
		r = stop_ptrace_begin(t);
	/* One that is another's to trace: a debugger has it alone. */
	if (r && s->way == STOP_BY_PTRACE && (stop_signal_state(s, t) | 0x20) == 'b')
		cannot(s, t, STOP_LOSSY_BLOCKED);
	else if (r && stop_signal_begin(s, index))
		cannot(s, t, STOP_LOSSY_REFUSED);
}

static void await(struct stop *s, uint32_t index)
{
	struct stop_thread *t = &s->threads[index];

	if (!t->pending)
		return;
	if (t->seized)
		stop_ptrace_await(s, t);
	else
		stop_signal_await(s, t);
	if (t->pending)
		cannot(s, t, STOP_LOSSY_LATE);
}

/* Of one that goes on: what is known all the same, if it sleeps in a system call. */
static void settle(struct stop *s, struct stop_thread *t)
{
	s->n_stopped += t->state == STOP_TRACED || t->state == STOP_SIGNALED;
	if (!t->asleep || t->state != STOP_RUNS)
		return;
	if (!s->has_calls || !stop_proc_call(s, t) || t->call < 0)
		return;
	t->state = STOP_ASLEEP;
	t->regs.sp = t->before_sp;
	t->regs.pc = t->before_pc;
}

/* While everybody still runs. */
static void examine_old(struct stop *s)
{
	uint64_t now = sys_now_ns(), until = now + (s->deadline_ns - now) / 4;

	for (uint32_t i = 0; i < s->count; i++)
		examine(s, &s->threads[i], until, until);
}

/* A thread that has just been made comes to its own code if it is given time. */
static void examine_new(struct stop *s, uint32_t from)
{
	uint64_t until = sys_now_ns() + NEW_NS;

	for (uint32_t i = from; i < s->count; i++)
		examine(s, &s->threads[i], until, s->deadline_ns);
}

static void stop_them(struct stop *s)
{
	uint32_t done = 0;

	list(s);
	examine_old(s);
	s->first_ns = sys_now_ns();
	do {
		uint32_t end = s->count;

		for (uint32_t i = done; i < end; i++)
			begin(s, i);
		for (uint32_t i = done; i < end; i++)
			await(s, i);
		done = end;
		/* One that was not stopped yet may have made another. */
		list(s);
		examine_new(s, done);
	} while (done < s->count && sys_now_ns() < s->deadline_ns);
	for (uint32_t i = done; i < s->count; i++)
		cannot(s, &s->threads[i], STOP_LOSSY_LATE);
	for (uint32_t i = 0; i < s->count; i++)
		settle(s, &s->threads[i]);
	s->stopped_ns = sys_now_ns();
}

/* ---- the life of the helper ---- */

/* While the phase is that one, and the program there. */
static void wait_while(const struct stop *s, uint32_t phase)
{
	while (__atomic_load_n(&s->phase, __ATOMIC_ACQUIRE) == phase)
		if (!stop_wait(&s->phase, phase, sys_now_ns() + 500000000) &&
		    sys_call(SYS_getppid) != s->pid)
			return;
}

static void release(struct stop *s)
{
	bool any = false;

	for (uint32_t i = 0; i < s->count; i++) {
		if (s->threads[i].state != STOP_TRACED)
			continue;
		stop_ptrace_release(s, &s->threads[i]);
		any = true;
	}
	/* Those in the handler go on without us. */
	if (any)
		s->running_ns = sys_now_ns();
}

/* Never a copy of the program's descriptors: shared at first, then an empty table. */
static int own_descriptors(struct stop *s)
{
	long r = sys_call(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE);

	s->error = (uint32_t)-r;
	return r ? STOP_NO_HELPER : STOP_OK;
}

void stop_helper(void *stop)
{
	struct stop *s = stop;

	sys_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	if (sys_call(SYS_getppid) != s->pid)
		return;
	s->refusal = own_descriptors(s);
	if (!s->refusal)
		s->refusal = look(s);
	if (stop_turn(s, PHASE_LOOK, PHASE_READY)) {
		wait_while(s, PHASE_READY);
		if (__atomic_load_n(&s->phase, __ATOMIC_ACQUIRE) == PHASE_STOP)
			stop_them(s);
		if (stop_turn(s, PHASE_STOP, PHASE_STOPPED))
			wait_while(s, PHASE_STOPPED);
		release(s);
	}
	__atomic_store_n(&s->phase, PHASE_DONE, __ATOMIC_RELEASE);
	stop_wake(&s->phase);
}
