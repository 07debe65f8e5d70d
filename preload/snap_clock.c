/*
 * snap_clock.c - for how long a thread has not run, by the kernel's own clock. Owns what is known
 * of that clock. Context: the snapshot child (snap.h).
 *
 * The scheduler notes when a thread last ran by a clock that each processor has for itself, and
 * that leaves out what a hypervisor took from it (rq_clock_task() in Linux's kernel/sched): two
 * processors of one machine may be seconds apart. So what is noted of a thread is held against the
 * clock of the processor that it last ran on, and that is read there.
 */
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "snap.h"
#include "sys.h"

enum {
	CPUS = 1024,
	WORD = 64,
	TRIES = 3,
	ALL_NS = 200000000,  /* for going from one processor to the next, in one snapshot */
	VISIT_NS = 100000000 /* for one of them */
};

struct clock {
	uint64_t snapshot; /* that asked */
	uint64_t offset;   /* from ours to it */
	bool known;
};
static struct clock g_clock[CPUS];
static uint64_t g_snapshots, g_until_ns;
static uint64_t g_own[CPUS / WORD]; /* the processors that the child may use */
static long g_own_bytes;            /* 0: not asked yet; below: not told */

/* Milliseconds with six digits behind the point, as ns; 0 not told. */
static uint64_t last_ran(const char *text)
{
	static const char key[] = "se.exec_start";
	const char *at = strstr(text, key);
	uint64_t ns = 0;
	int digits = -1;

	at = at ? strchr(at, ':') : NULL;
	for (at = at ? at + 1 : NULL; at && *at && *at != '\n'; at++) {
		if (*at == '.')
			digits = 0;
		if (*at < '0' || *at > '9' || digits == 6)
			continue;
		ns = ns * 10 + (uint64_t)(*at - '0');
		digits += digits >= 0;
	}
	for (; ns && digits < 6; digits++)
		ns *= 10;
	return ns;
}

/* The processor that a thread last ran on, of its file stat; CPUS: not told. */
static uint32_t last_on(const char *text)
{
	enum { FIELDS = 37 }; /* from the name's end to it: proc(5) */
	const char *at = strrchr(text, ')');
	uint32_t cpu = 0;

	for (int i = 0; at && i < FIELDS; i++)
		at = strchr(at + 1, ' ');
	if (!at || at[1] < '0' || at[1] > '9')
		return CPUS;
	for (at++; *at >= '0' && *at <= '9' && cpu < CPUS; at++)
		cpu = cpu * 10 + (uint32_t)(*at - '0');
	return cpu;
}

/*
 * Of the processor that we are on. What is noted of a running thread is as old as its last switch,
 * and our clock is read last: whatever comes between makes the waits shorter than they are, never
 * longer, so the largest of some tries is the best.
 */
static bool offset_here(uint64_t *offset)
{
	char text[1024];

	for (int i = 0; i < TRIES; i++) {
		sys_call(SYS_sched_yield);
		long n = sys_read_file("/proc/thread-self/sched", text, sizeof(text) - 1);
		uint64_t now = sys_now_ns();

		text[n > 0 ? n : 0] = 0;
		uint64_t ran = last_ran(text);
		if (!ran)
			return false;
		if (!i || (int64_t)(ran - now - *offset) > 0)
			*offset = ran - now;
	}
	return true;
}

/* ---- to a processor ---- */

/*
 * It may be taken, by a thread at real-time priority or for a whole slice of somebody's, and who
 * asks to go there goes at once, and has no say any more until it runs. So another goes, of whom we
 * can say that it is to run elsewhere.
 */
static struct {
	uint32_t done, pid;
	uint64_t there[CPUS / WORD], offset;
	bool known;
} g_visit;
static char g_visit_stack[8192] __attribute__((aligned(16)));

static void visitor(void)
{
	if (!sys_call(SYS_sched_setaffinity, 0, sizeof(g_visit.there), g_visit.there))
		g_visit.known = offset_here(&g_visit.offset);
	__atomic_store_n(&g_visit.done, 1, __ATOMIC_RELEASE);
	sys_call(SYS_futex, &g_visit.done, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	for (;;)
		sys_call(SYS_exit, 0);
}

static bool is_back(void)
{
	uint64_t until = sys_now_ns() + VISIT_NS, now;

	while (!__atomic_load_n(&g_visit.done, __ATOMIC_ACQUIRE)) {
		if ((now = sys_now_ns()) >= until)
			return false;
		const struct timespec left = {0, (long)(until - now)};

		sys_call(SYS_futex, &g_visit.done, FUTEX_WAIT_PRIVATE, 0, &left, NULL, 0);
	}
	return true;
}

static bool visit(uint32_t cpu, uint64_t *offset)
{
	const long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_PARENT_SETTID | CLONE_UNTRACED;
	uint64_t elsewhere[CPUS / WORD];

	memset(&g_visit, 0, sizeof(g_visit));
	g_visit.there[cpu / WORD] = 1ul << cpu % WORD;
	if (arch_clone_onto(flags, g_visit_stack + sizeof(g_visit_stack), &g_visit.pid, visitor) <
	    0)
		return false;
	bool back = is_back();

	memcpy(elsewhere, g_own, sizeof(g_own));
	elsewhere[cpu / WORD] &= ~g_visit.there[cpu / WORD];
	if (!back)
		sys_call(SYS_sched_setaffinity, g_visit.pid, sizeof(elsewhere), elsewhere);
	sys_call(SYS_wait4, g_visit.pid, NULL, __WALL, NULL);
	*offset = g_visit.offset;
	return back && g_visit.known;
}

static const struct clock *clock_of(const struct snap_job *j, uint32_t cpu)
{
	struct clock *c = &g_clock[cpu];

	if (c->snapshot == g_snapshots)
		return c;
	*c = (struct clock){.snapshot = g_snapshots};
	/* Not where no child is allowed. */
	if ((uint32_t)sys_getpid() == j->pid)
		return c;
	if (!g_own_bytes)
		g_own_bytes = sys_call(SYS_sched_getaffinity, 0, sizeof(g_own), g_own);
	/* One that is kept free for others is not disturbed. */
	if (g_own_bytes > 0 && sys_now_ns() <= g_until_ns && g_own[cpu / WORD] & 1ul << cpu % WORD)
		c->known = visit(cpu, &c->offset);
	return c;
}

void snap_clock_begin(void)
{
	g_snapshots++;
	g_until_ns = sys_now_ns() + ALL_NS;
	g_own_bytes = 0;
	memset(g_own, 0, sizeof(g_own));
}

uint64_t snap_idle(const struct snap_job *j, uint32_t tid)
{
	char text[1024];

	if (snap_task_file(j, tid, "/stat", text, sizeof(text)) <= 0)
		return 0;
	uint32_t cpu = last_on(text);
	const struct clock *c = cpu < CPUS ? clock_of(j, cpu) : NULL;
	if (!c || !c->known || snap_task_file(j, tid, "/sched", text, sizeof(text)) <= 0)
		return 0;
	uint64_t ran = last_ran(text), now = sys_now_ns() + c->offset;

	return !ran ? 0 : now > ran ? now - ran + 1 : 1;
}
