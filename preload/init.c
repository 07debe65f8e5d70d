/*
 * init.c - starts outlive inside a process; see init.h for the order. Knows every part; no part
 * knows it.
 */
#include "init.h"

#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "arch.h"
#include "barred.h"
#include "context.h"
#include "fd.h"
#include "format.h"
#include "hook.h"
#include "live.h"
#include "module.h"
#include "options.h"
#include "process.h"
#include "reach.h"
#include "snapshot.h"
#include "stack.h"
#include "task.h"
#include "tests.h"
#include "trace.h"
#include "watch.h"

static pthread_key_t g_thread_key;

/* getenv is of no use before libc's own constructor has run. */
static const char *environment(const char *name)
{
	static char text[65536];
	size_t n = strlen(name);

	for (char **e = environ; e && *e; e++)
		if (!strncmp(*e, name, n) && (*e)[n] == '=')
			return *e + n + 1;
	if (environ)
		return NULL;
	long have = sys_read_file("/proc/self/environ", text, sizeof(text) - 1);
	for (char *p = text; have > 0 && p < text + have; p += strlen(p) + 1)
		if (!strncmp(p, name, n) && p[n] == '=')
			return p + n + 1;
	return NULL;
}

static void thread_end(void *arg)
{
	(void)arg;
	trace_thread_end();
	task_end();
	track_thread_end();
}

/* Makes thread_end run when the calling thread ends. */
static void thread_begin(void)
{
	task_adopt(0, 0, FMT_TASK_FLAG_ADOPTED);
	trace_thread_begin();
	pthread_setspecific(g_thread_key, &g_thread_key);
}

/* Those tools of valgrind that judge memory and locks would judge ours, and a test that runs one
 * would fail for us. The name is that of the tool, whatever it runs. */
static bool is_judged(void)
{
	static const char *const tools[] = {"memcheck-", "helgrind-", "drd-"};
	char name[32] = "";

	if (!arch_under_valgrind() || sys_read_file("/proc/self/comm", name, sizeof(name) - 1) <= 0)
		return false;
	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++)
		if (!strncmp(name, tools[i], strlen(tools[i])))
			return true;
	return false;
}

void init_early(void)
{
	int why = 0;

	/* A program with more rights than its user must not be told by that user what to write
	 * where. */
	if (getauxval(AT_SECURE) || is_judged())
		return;
	if (real_is_refused())
		return;
	sys_log_init();
	options_init(environment("OUTLIVE_OPTIONS"));
	if (!process_early())
		return;
	sample_init(g_options.sample, 0);
	if ((why = live_init()) || (why = context_init()) ||
	    (why = stack_init((unsigned)g_options.depth))) {
		sys_log("no memory for the tables; this process is not profiled", "", "");
		return;
	}
	g_track_families = (uint32_t)g_options.families;
	watch_init();
	/* Threads that other libraries' constructors start end, too. Keys below 32 need no memory,
	 * and ours is made early. */
	task_init();
	trace_init(g_options.trace);
	if (g_options.trace)
		g_module_found = hook_waits_found;
	if (!pthread_key_create(&g_thread_key, thread_end))
		g_track_thread_begin = thread_begin;
	__atomic_store_n(&g_tracking, true, __ATOMIC_RELEASE);
}

/* The figures of a libc's heap that nobody uses say nothing. */
static void set_allocator(void)
{
	struct snapshot_allocator a = {.unseen = g_unseen_malloc};

	if (!a.unseen) {
		a.malloc = *(void **)&real.malloc;
		a.mallinfo2 = real.mallinfo2;
		a.mallctl = real.mallctl;
		a.malloc_trim = real.malloc_trim;
		a.tc_release = real.MallocExtension_ReleaseFreeMemory;
		a.mi_collect = real.mi_collect;
	}
	snapshot_set_allocator(&a);
}

/* struct pthread is counted with the static TLS that lies below it. */
#define CONTROL_BLOCK 0x900u
#define STATIC_TLS    4096u

static void set_reach(void)
{
	size_t bytes = STATIC_TLS + CONTROL_BLOCK, align;
	struct reach_env env = {.is_allocator = real_is_allocator, .pid = (uint32_t)sys_getpid()};

	if (real._dl_get_tls_static_info)
		real._dl_get_tls_static_info(&bytes, &align);
	env.tls_bytes = bytes > CONTROL_BLOCK ? bytes - CONTROL_BLOCK : bytes;
	env.self_offset = (uintptr_t)&t_self - arch_thread_pointer();
	env.boot = g_real_boot;
	env.boot_bytes = real_boot_used();
	reach_init(&env);
}

/* A runner of tests that are processes names them so. */
static void begin_test(void)
{
	const char *name = environment("OUTLIVE_TEST");

	if (name && *name)
		tests_begin(name);
}

__attribute__((constructor)) static void init_late(void)
{
	hook_ready();
	if (!g_tracking)
		return;

	uint32_t flags = t_self.flags;
	t_self.flags |= IN_TRACKER | IN_HEAP;
	pthread_atfork(NULL, NULL, process_fork_child);
	fd_init();
	snapshot_init();
	set_allocator();
	set_reach();
	barred_init(real_own_path());
	process_init();
	watch_start();
	t_self.flags = flags;
	begin_test();
}
