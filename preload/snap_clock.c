/*
 * snap_clock.c - for how long a thread has not run, by the kernel's own clock. Owns what is known
 * of that clock. Context: the snapshot child (snap.h).
 *
 * The scheduler notes when a thread last ran by a clock that each processor has for itself, and
 * that leaves out what a hypervisor took from it (rq_clock_task() in Linux's kernel/sched): two
 * processors of one machine may be seconds apart. So what is noted of a thread is held against the
 * clock of the processor that it last ran on, and that is read there.
 */
#include <string.h>

#include "snap.h"
#include "sys.h"

enum {
	CPUS = 1024,
	WORD = 64,
	TRIES = 3,
	ALL_NS = 200000000 /* for going from one processor to the next, in one snapshot */
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

static const struct clock *clock_of(uint32_t cpu)
{
	uint64_t there[CPUS / WORD] = {0};
	struct clock *c = &g_clock[cpu];

	if (c->snapshot == g_snapshots)
		return c;
	*c = (struct clock){.snapshot = g_snapshots};
	if (!g_own_bytes)
		g_own_bytes = sys_call(SYS_sched_getaffinity, 0, sizeof(g_own), g_own);
	if (g_own_bytes <= 0 || sys_now_ns() > g_until_ns)
		return c;
	there[cpu / WORD] = 1ul << cpu % WORD;
	/* One that is kept free for others is not disturbed. */
	if (!(g_own[cpu / WORD] & there[cpu / WORD]) ||
	    sys_call(SYS_sched_setaffinity, 0, sizeof(there), there))
		return c;
	c->known = offset_here(&c->offset);
	sys_call(SYS_sched_setaffinity, 0, g_own_bytes, g_own);
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
	const struct clock *c = cpu < CPUS ? clock_of(cpu) : NULL;
	if (!c || !c->known || snap_task_file(j, tid, "/sched", text, sizeof(text)) <= 0)
		return 0;
	uint64_t ran = last_ran(text), now = sys_now_ns() + c->offset;

	return !ran ? 0 : now > ran ? now - ran + 1 : 1;
}
