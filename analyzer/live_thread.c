/*
 * live_thread.c - /proc/PID/task/TID of one thread: status, syscall, sched. Disturbs nothing.
 * Context: the analyzer.
 */
#include "live_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "live_maps.h"

/* The beginning of a small file, ended by NUL; -1 with errno. */
static ssize_t read_file(pid_t pid, pid_t tid, const char *file, char *text, size_t cap)
{
	char path[96];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, cap - 1);
	int saved = errno;
	close(fd);
	errno = saved;
	if (n >= 0)
		text[n] = 0;
	return n;
}

static const char *field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? at + strlen(name) + strspn(at + strlen(name), " \t") : NULL;
}

static uint64_t number(const char *status, const char *name)
{
	const char *at = field(status, name);

	return at ? strtoull(at, NULL, 10) : 0;
}

static uint64_t switches_in(const char *status)
{
	return number(status, "\nvoluntary_ctxt_switches:") +
	       number(status, "\nnonvoluntary_ctxt_switches:");
}

static void parse_status(struct thread_look *look, const char *status, pid_t tid)
{
	const char *state = field(status, "\nState:"), *at = field(status, "\nNSpid:");
	char *end;

	look->state = state ? *state : 0;
	look->tracer = (uint32_t)number(status, "\nTracerPid:");
	look->switches = switches_in(status);
	look->ns_tid = (uint32_t)tid;
	/* One number for each namespace, its own last. */
	for (; at && *at != '\n' && *at; at = end) {
		unsigned long n = strtoul(at, &end, 10);
		if (end == at)
			break;
		look->ns_tid = (uint32_t)n;
		end += strspn(end, " \t");
	}
}

static void look_at_call(pid_t pid, pid_t tid, struct thread_look *look)
{
	uint8_t code[WAIT_CODE_BYTES];
	char text[256];

	if (read_file(pid, tid, "syscall", text, sizeof(text)) < 0) {
		look->error = errno;
		return;
	}
	look->has_call = wait_call_parse(text, &look->call);
	if (look->has_call && look->call.number == SYS_restart_syscall &&
	    live_read(pid, look->call.pc - sizeof(code), code, sizeof(code)) == sizeof(code))
		wait_call_restarted(&look->call, code);
}

bool thread_look(pid_t pid, pid_t tid, struct thread_look *look)
{
	char status[8192];

	*look = (struct thread_look){0};
	if (read_file(pid, tid, "status", status, sizeof(status)) <= 0)
		return false;
	parse_status(look, status, tid);
	if (read_file(pid, tid, "comm", look->name, sizeof(look->name)) > 0)
		look->name[strcspn(look->name, "\n")] = 0;
	look_at_call(pid, tid, look);
	return look->state != 0;
}

bool thread_unchanged(pid_t pid, pid_t tid, const struct thread_look *before)
{
	struct thread_look now = {0};
	char status[8192];

	look_at_call(pid, tid, &now);
	if (!now.has_call || memcmp(&now.call, &before->call, sizeof(now.call)))
		return false;
	return read_file(pid, tid, "status", status, sizeof(status)) > 0 &&
	       switches_in(status) == before->switches;
}

/* ---- since when ---- */

static bool last_ran(pid_t pid, pid_t tid, int64_t *ns)
{
	char text[1024];

	if (read_file(pid, tid, "sched", text, sizeof(text)) <= 0)
		return false;
	const char *at = strstr(text, "se.exec_start");
	at = at ? strchr(at, ':') : NULL;
	if (!at)
		return false;
	*ns = (int64_t)(strtod(at + 1, NULL) * 1e6);
	return *ns > 0;
}

static int64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The processor that it last ran on, or -1. */
static int last_on(pid_t pid, pid_t tid)
{
	enum { FIELDS = 37 }; /* from the name's end to it: proc(5) */
	char text[1024];

	if (read_file(pid, tid, "stat", text, sizeof(text)) <= 0)
		return -1;
	const char *at = strrchr(text, ')');
	for (int i = 0; at && i < FIELDS; i++)
		at = strchr(at + 1, ' ');
	long cpu = at ? strtol(at, NULL, 10) : -1;
	return cpu < THREAD_CPUS && cpu < CPU_SETSIZE ? (int)cpu : -1;
}

/* What is noted of a running thread is as old as its last switch, and CLOCK_MONOTONIC is read last:
 * whatever comes between makes the time shorter than it is, never longer. */
static bool offset_here(int64_t *offset_ns)
{
	pid_t self = (pid_t)syscall(SYS_gettid);
	int64_t ran;

	for (int i = 0; i < 3; i++) {
		sched_yield();
		if (!last_ran(self, self, &ran))
			return false;
		int64_t offset = monotonic() - ran;
		if (!i || offset < *offset_ns)
			*offset_ns = offset;
	}
	return true;
}

static const struct thread_cpu *cpu_clock(struct thread_clock *c, int cpu)
{
	struct thread_cpu *at = &c->cpu[cpu];
	cpu_set_t there;

	if (at->asked)
		return at;
	at->asked = true;
	CPU_ZERO(&there);
	CPU_SET(cpu, &there);
	/* One that is kept free for others is not disturbed. */
	if (!CPU_ISSET(cpu, &c->own) || sched_setaffinity(0, sizeof(there), &there))
		return at;
	at->known = offset_here(&at->offset_ns);
	sched_setaffinity(0, sizeof(c->own), &c->own);
	return at;
}

void thread_clock_open(struct thread_clock *c)
{
	memset(c, 0, sizeof(*c));
	if (sched_getaffinity(0, sizeof(c->own), &c->own))
		CPU_ZERO(&c->own);
}

bool thread_idle(struct thread_clock *c, pid_t pid, pid_t tid, uint64_t *ns)
{
	int cpu = last_on(pid, tid);
	const struct thread_cpu *clock = cpu >= 0 ? cpu_clock(c, cpu) : NULL;
	int64_t ran;

	if (!clock || !clock->known || !last_ran(pid, tid, &ran))
		return false;
	int64_t idle = monotonic() - clock->offset_ns - ran;
	*ns = idle > 0 ? (uint64_t)idle : 0;
	return true;
}
