/*
 * leftover.c - see leftover.h. Reads the tables as the writer of snapshots does, with no lock, and
 * changes nothing in them. Must not decide what is a leak more narrowly than the analyzer does:
 * what is passed over here nobody will ever see.
 */
#include "leftover.h"

#include <linux/futex.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "context.h"
#include "fd.h"
#include "format.h"
#include "options.h"
#include "reach.h"
#include "seccomp.h"
#include "snap.h"
#include "socket_call.h"
#include "spare.h"
#include "sys.h"
#include "tally.h"
#include "task.h"
#include "timer.h"
#include "track.h"

/* ---- what is left ---- */

static bool any_task(void)
{
	uint32_t n = task_slots(), me = (uint32_t)sys_gettid();
	struct task_view v;

	/* Who ends the process is none of what it leaves. */
	for (uint32_t i = 0; i < n; i++) {
		if (!task_get(i, &v) || (v.state == FMT_TASK_RUNNING && v.tid == me) ||
		    v.flags & (FMT_TASK_FLAG_MAIN | FMT_TASK_FLAG_ADOPTED | FMT_TASK_FLAG_NOTIFY))
			continue;
		if (v.state == FMT_TASK_RUNNING || !(v.flags & FMT_TASK_FLAG_DETACHED))
			return true;
	}
	return false;
}

static bool any_fd(void)
{
	uint32_t n = fd_limit();
	struct fd_view v;

	for (uint32_t i = 3; i < n; i++)
		if (fd_get(i, &v) && !(v.flags & (FMT_FD_FLAG_INHERITED | FMT_FD_FLAG_OWN)))
			return true;
	return false;
}

static bool any_timer(void)
{
	uint32_t n = timer_slots();
	struct timer_view v;

	for (uint32_t i = 0; i < n; i++)
		if (timer_get(i, &v))
			return true;
	return false;
}

bool leftover_any(void)
{
	/* Also who was made and has not begun: it will run when the process ends. */
	return any_task() || task_unborn() || any_fd() || any_timer();
}

/* ---- other threads ---- */

/* Arguments of a system call that waits, as /proc/PID/syscall shows them. */
struct waiting {
	uint64_t number, arg[6];
};

/* "202 0x7f... 0x80 ..."; false for one that runs. */
static bool parse_waiting(const char *p, struct waiting *w)
{
	memset(w, 0, sizeof(*w));
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		w->number = w->number * 10 + (uint64_t)(*p - '0');
	for (int i = 0; i < 6 && *p == ' '; i++) {
		p += 3; /* " 0x" */
		for (;; p++) {
			unsigned digit = *p >= '0' && *p <= '9'   ? (unsigned)(*p - '0')
			                 : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10
			                                          : 16;
			if (digit > 15)
				break;
			w->arg[i] = w->arg[i] << 4 | digit;
		}
	}
	return true;
}

/* Without a time limit: for another thread, or for somebody outside. */
static bool waits_for_ever(const struct waiting *w)
{
	switch (w->number) {
	case SYS_futex:
		return !w->arg[3]; /* its timeout; a call that only wakes does not sleep */
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
		return (int)w->arg[3] < 0;
	case SYS_poll:
		return (int)w->arg[2] < 0;
	case SYS_ppoll:
	case SYS_rt_sigtimedwait:
		return !w->arg[2];
	case SYS_select:
	case SYS_pselect6:
		return !w->arg[4];
	case SYS_pause:
	case SYS_rt_sigsuspend:
	case SYS_wait4:
	case SYS_waitid:
		return true;
	default:
		return socket_call_receives((long)w->number);
	}
}

static bool is_parked(uint32_t tid)
{
	char path[64], line[160];
	struct text t = TEXT(path);
	struct waiting w;

	text_str(&t, "/proc/self/task/");
	text_u64(&t, tid);
	text_str(&t, "/syscall");
	long n = sys_read_file(path, line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = 0;
	return parse_waiting(line, &w) && waits_for_ever(&w);
}

enum others { NO_OTHERS, ALL_PARKED, SOME_RUN };

static enum others look_at_others(void)
{
	uint32_t n = task_slots(), me = (uint32_t)sys_gettid();
	enum others found = NO_OTHERS;
	struct task_view v;

	for (uint32_t i = 0; i < n; i++) {
		if (!task_get(i, &v) || v.state != FMT_TASK_RUNNING || v.tid == me)
			continue;
		if (!is_parked(v.tid))
			return SOME_RUN;
		found = ALL_PARKED;
	}
	/* Who is on his way to his first instruction has no number yet. */
	return task_unborn() ? SOME_RUN : found;
}

static uint32_t g_settling; /* the thread that ends the process, while it waits */

void leftover_park(void)
{
	uint32_t settling = __atomic_load_n(&g_settling, __ATOMIC_ACQUIRE);

	if (!settling || settling == (uint32_t)sys_gettid())
		return;
	for (;;)
		sys_call(SYS_ppoll, NULL, 0, NULL, NULL, 0); /* which is seen to wait for ever */
}

void leftover_settle(void)
{
	/* Two looks in a row must find nobody who runs: one may meet a thread between two waits. */
	enum { LOOKS = 3, LONGEST_NS = 50000000 };
	struct timespec pause = {0, 1000000};
	unsigned parked = 0;

	if (!g_options.settle || spare_now() || !leftover_any() || !snap_child_allowed() ||
	    look_at_others() == NO_OTHERS)
		return;
	uint64_t end = sys_now_ns() + g_options.settle;
	__atomic_store_n(&g_settling, (uint32_t)sys_gettid(), __ATOMIC_RELEASE);
	while (sys_now_ns() < end) {
		sys_call(SYS_nanosleep, &pause, NULL);
		if (!leftover_any())
			break;
		enum others others = look_at_others();
		if (others == NO_OTHERS)
			break;
		parked = others == ALL_PARKED ? parked + 1 : 0;
		if (parked >= LOOKS)
			break;
		if (pause.tv_nsec < LONGEST_NS)
			pause.tv_nsec *= 2;
	}
	__atomic_store_n(&g_settling, 0, __ATOMIC_RELEASE);
}

/* ---- a process that leaves nothing ---- */

static bool any_lost(void)
{
	struct context_audit c = {{0}, 0, 0};

	context_audit(&c);
	for (unsigned key = FMT_AUDIT_LOST_REENTRANT; key <= FMT_AUDIT_LOST_EARLY; key++)
		if (c.lost[key])
			return true;
	/* Nothing of a heap that was not seen is no clean heap. */
	return c.unseen_frees || (track_has(TRACK_HEAP) && snap_allocator_unseen()) ||
	       task_lost() || fd_lost() || timer_lost();
}

bool leftover_none(unsigned reason)
{
	if (spare_now())
		return tally_end(reason);
	return *g_options.tally && !g_options.clean && seccomp_now() != SECCOMP_LOCKED_IN &&
	       !any_lost() && !leftover_any() && !reach_any_lost() && tally_end(reason);
}
