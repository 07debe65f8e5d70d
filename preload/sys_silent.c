/*
 * sys_silent.c - see sys.h, sys_silence(). Owns who may still make system calls. Context: as sys.c;
 * who waits for the others holds the snapshot's turn, so there is one.
 */
#include <errno.h>
#include <time.h>

#include "sys.h"

bool g_sys_silent;
static uintptr_t g_speaker; /* thread pointer of the one that may; 0: none */

bool sys_is_silent(void)
{
	return __atomic_load_n(&g_speaker, __ATOMIC_ACQUIRE) != arch_thread_pointer();
}

void sys_silence(enum sys_silence who)
{
	__atomic_store_n(&g_speaker, who == SYS_OTHERS_SILENT ? arch_thread_pointer() : 0,
	                 __ATOMIC_SEQ_CST);
	__atomic_store_n(&g_sys_silent, who != SYS_NOBODY_SILENT, __ATOMIC_SEQ_CST);
}

/* ---- the other threads ---- */

struct pause {
	uint32_t self;
	uint64_t cpu_ns, until_ns;
};

static void nap(long ns)
{
	const struct timespec t = {0, ns};

	sys_call(SYS_nanosleep, &t, NULL);
}

/* On a processor or waiting for one, so not in a call that blocks. False for one that has ended. */
static bool is_running(uint32_t tid)
{
	char path[64], stat[512];
	struct text t = TEXT(path);

	text_str(&t, "/proc/self/task/");
	text_u64(&t, tid);
	text_str(&t, "/stat");
	long n = sys_read_file(path, stat, sizeof(stat) - 1);
	/* Behind the name, which may hold anything. */
	while (n > 0 && stat[n - 1] != ')')
		n--;
	return n > 0 && stat[n + 1] == 'R';
}

static uint64_t cpu_ns(uint32_t tid)
{
	int clock = (int)(~tid << 3 | 6); /* CPUCLOCK_SCHED of a thread */
	struct timespec t;

	if (sys_call(SYS_clock_gettime, clock, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void wait_one(uint32_t tid, void *arg)
{
	const struct pause *p = arg;

	if (tid == p->self)
		return;
	uint64_t from = cpu_ns(tid);
	while (is_running(tid) && cpu_ns(tid) - from < p->cpu_ns && sys_now_ns() < p->until_ns)
		nap(50000);
}

void sys_wait_others(uint64_t cpu_ns, uint64_t limit_ns)
{
	static char entries[4096] __attribute__((aligned(8)));
	struct pause p = {(uint32_t)sys_gettid(), cpu_ns, sys_now_ns() + limit_ns};
	int fd;

	if (sys_each_number("/proc/self/task", entries, sizeof(entries), &fd, wait_one, &p) < 0)
		nap(20000000);
}
