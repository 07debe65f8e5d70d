/*
 * snap_info.c - the records that are not tables: who wrote the snapshot, when and why; what was
 * lost; and the figures of kernel and allocator that the tables can be held against. Context: the
 * snapshot child (snap.h), but for the functions marked "parent".
 */
#include <string.h>

#include "context.h"
#include "fd.h"
#include "live.h"
#include "map.h"
#include "options.h"
#include "snap.h"
#include "stack.h"
#include "sys.h"
#include "task.h"
#include "timer.h"
#include "track.h"

/* ---- read at the start: later /proc may be out of reach, and arguments overwritten ---- */

static char g_exe[4096], g_boot_id[37];
static char g_cmdline[SNAP_ITEM_MAX / 2];
static size_t g_cmdline_bytes;
static bool g_have_places;

static void read_places(void)
{
	long n = sys_readlink("/proc/self/exe", g_exe, sizeof(g_exe) - 1);

	g_exe[n > 0 ? n : 0] = 0;
	n = sys_read_file("/proc/sys/kernel/random/boot_id", g_boot_id, sizeof(g_boot_id) - 1);
	g_boot_id[n == 36 ? n : 0] = 0;
	g_have_places = true;
}

void snap_info_init(void)
{
	long n = sys_read_file("/proc/self/cmdline", g_cmdline, sizeof(g_cmdline));

	g_cmdline_bytes = n > 0 ? (size_t)n : 0;
	/* Most that tell a gate that they leave nothing write no snapshot at all. */
	if (!*g_options.tally)
		read_places();
}

/* ---- key and value ---- */

void snap_pair(struct snap_out *o, unsigned key, uint64_t v)
{
	snap_item(o);
	snap_u(o, key);
	snap_u(o, v);
}

void snap_pair_str(struct snap_out *o, unsigned key, const char *s)
{
	snap_item(o);
	snap_u(o, key);
	snap_str(o, s);
}

/* ---- info ---- */

static void info_strings(struct snap_out *o, const struct snap_job *j)
{
	char folder[4096];
	long n = sys_call(SYS_getcwd, folder, sizeof(folder));
	const char *allocator = snap_allocator_path(), *unseen = snap_allocator_unseen();

	snap_pair_str(o, FMT_INFO_COMMAND, g_snap_command);
	snap_pair_str(o, FMT_INFO_EXE, g_exe);
	snap_item(o);
	snap_u(o, FMT_INFO_CMDLINE);
	snap_mem(o, g_cmdline, g_cmdline_bytes);
	if (n > 0)
		snap_pair_str(o, FMT_INFO_CWD, folder);
	snap_pair_str(o, FMT_INFO_VERSION, OUTLIVE_VERSION);
	snap_pair_str(o, FMT_INFO_OPTIONS, g_options.text);
	if (j->label[0])
		snap_pair_str(o, FMT_INFO_LABEL, j->label);
	if (allocator)
		snap_pair_str(o, FMT_INFO_ALLOCATOR, allocator);
	if (unseen)
		snap_pair_str(o, FMT_INFO_UNSEEN, *unseen ? unseen : g_exe);
	if (ARCH_INFO[0])
		snap_pair_str(o, FMT_INFO_MACHINE, ARCH_INFO);
	if (g_boot_id[0])
		snap_pair_str(o, FMT_INFO_BOOT_ID, g_boot_id);
}

void snap_info(struct snap_out *o, const struct snap_job *j)
{
	if (!g_have_places)
		read_places();
	snap_record(o, FMT_INFO);
	snap_pair(o, FMT_INFO_PID, j->pid);
	snap_pair(o, FMT_INFO_PPID, j->ppid);
	snap_pair(o, FMT_INFO_SEQUENCE, j->sequence);
	snap_pair(o, FMT_INFO_REASON, j->request.reason);
	if (j->request.before_filter)
		snap_pair(o, FMT_INFO_BEFORE_FILTER, 1);
	if (j->request.signal)
		snap_pair(o, FMT_INFO_SIGNAL, (uint64_t)j->request.signal);
	snap_pair(o, FMT_INFO_TIME, j->time_ns);
	snap_pair(o, FMT_INFO_UPTIME, j->uptime_ns);
	snap_pair(o, FMT_INFO_UID, (uint64_t)sys_call(SYS_geteuid));
	snap_pair(o, FMT_INFO_DEPTH, g_options.depth);
	snap_pair(o, FMT_INFO_SAMPLE, g_sample_period);
	snap_pair(o, FMT_INFO_FORKED, j->forked);
	snap_pair(o, FMT_INFO_THREAD, j->thread);
	if (j->request.exit_status >= 0)
		snap_pair(o, FMT_INFO_EXIT_STATUS, (uint64_t)j->request.exit_status);
	snap_pair(o, FMT_INFO_START_TIME, j->start_ns);
	snap_trace_info(o);
	snap_pair(o, FMT_INFO_FAMILIES, g_track_families & 31);
	info_strings(o, j);
	snap_record_end(o);
}

/* ---- audit ---- */

/* The number behind "\n<key>" in the text of /proc/PID/status; false if there is none. */
static bool status_number(const char *text, long n, const char *key, uint64_t *v)
{
	long length = (long)strlen(key);

	for (long i = 0; i + length + 1 < n; i++) {
		if (text[i] != '\n' || memcmp(text + i + 1, key, (size_t)length))
			continue;
		const char *p = text + i + 1 + length;

		while (*p == ' ' || *p == '\t')
			p++;
		for (*v = 0; *p >= '0' && *p <= '9'; p++)
			*v = *v * 10 + (uint64_t)(*p - '0');
		return true;
	}
	return false;
}

static long read_status(const char *path, char *text, size_t size)
{
	long n = sys_read_file(path, text, size - 1);

	n = n > 0 ? n : 0;
	text[n] = 0;
	return n;
}

/*
 * The child has the program's memory, but is one thread. The program's threads are told by its
 * parent's folder, named as this /proc numbers it: a container may see the /proc of another pid
 * namespace. The order matters: a parent that is alive now was its own a moment ago.
 */
void snap_find_proc(struct snap_job *j)
{
	char text[4096];
	struct text t = TEXT(j->proc);
	long n = read_status("/proc/self/status", text, sizeof(text));
	uint64_t parent;

	j->proc[0] = 0;
	if (sys_getpid() == j->pid) {
		if (n)
			text_str(&t, "/proc/self");
		return;
	}
	if (!status_number(text, n, "PPid:", &parent) || sys_call(SYS_getppid) != j->pid)
		return;
	text_str(&t, "/proc/");
	text_u64(&t, parent);
}

static void audit_kernel(struct snap_out *o, const struct snap_job *j)
{
	char path[64], text[4096];
	struct text t = TEXT(path);
	uint64_t v;
	long n;

	/* A copy of the process is larger by what it marks with. */
	text_str(&t, j->is_copy && j->proc[0] ? j->proc : "/proc/self");
	text_str(&t, "/status");
	n = read_status(path, text, sizeof(text));
	if (status_number(text, n, "VmRSS:", &v))
		snap_pair(o, FMT_AUDIT_RSS, v * 1024);
	if (status_number(text, n, "VmHWM:", &v))
		snap_pair(o, FMT_AUDIT_RSS_PEAK, v * 1024);
	if (status_number(text, n, "VmSize:", &v))
		snap_pair(o, FMT_AUDIT_VSIZE, v * 1024);
	if (!j->proc[0])
		return;
	t = TEXT(path);
	text_str(&t, j->proc);
	text_str(&t, "/status");
	n = read_status(path, text, sizeof(text));
	if (status_number(text, n, "Threads:", &v))
		snap_pair(o, FMT_AUDIT_THREADS_NOW, v);
}

static void audit_others(struct snap_out *o, const struct snap_job *j)
{
	if (track_has(TRACK_FDS)) {
		snap_pair(o, FMT_AUDIT_FDS_NOW, j->fds);
		snap_pair(o, FMT_AUDIT_FDS_UNSEEN, j->fds_unseen);
		snap_pair(o, FMT_AUDIT_FDS_VANISHED, j->fds_vanished);
	}
	if (track_has(TRACK_THREADS)) {
		snap_pair(o, FMT_AUDIT_THREADS_UNSEEN, j->threads_unseen);
		snap_pair(o, FMT_AUDIT_THREADS_VANISHED, j->threads_vanished);
	}
	snap_pair(o, FMT_AUDIT_LOST_MAPS, map_lost());
	snap_pair(o, FMT_AUDIT_LOST_THREADS, task_lost());
	snap_pair(o, FMT_AUDIT_LOST_FDS, fd_lost());
	snap_pair(o, FMT_AUDIT_LOST_TIMERS, timer_lost());
}

void snap_audit(struct snap_out *o, const struct snap_job *j)
{
	struct context_audit c = {{0}, 0, 0};
	struct stack_stats s = {0};

	context_audit(&c);
	stack_stats(&s);
	snap_reach_info(o);
	snap_record(o, FMT_AUDIT);
	for (unsigned key = FMT_AUDIT_LOST_REENTRANT; key <= FMT_AUDIT_LOST_NO_STACK; key++)
		snap_pair(o, key, c.lost[key]);
	snap_pair(o, FMT_AUDIT_UNKNOWN_FREES, c.unknown_frees);
	snap_pair(o, FMT_AUDIT_UNSEEN_FREES, c.unseen_frees);
	snap_pair(o, FMT_AUDIT_TRUNCATED_STACKS, s.truncated);
	snap_pair(o, FMT_AUDIT_FALLBACK_STACKS, s.fallbacks);
	snap_pair(o, FMT_AUDIT_BROKEN_STACKS, s.broken);
	snap_pair(o, FMT_AUDIT_STACKS, j->stacks);
	snap_pair(o, FMT_AUDIT_NODES, j->nodes);
	snap_pair(o, FMT_AUDIT_RULES, s.rules);
	snap_pair(o, FMT_AUDIT_CAPTURES, s.captures);
	snap_pair(o, FMT_AUDIT_PREDICTED, s.predicted);
	snap_pair(o, FMT_AUDIT_LIVE_BLOCKS, j->live_blocks);
	snap_pair(o, FMT_AUDIT_LIVE_BYTES, j->live_bytes);
	snap_pair(o, FMT_AUDIT_OWN_TABLES,
	          context_bytes_used() + live_bytes_used() + s.bytes + task_bytes_used() +
	                  fd_bytes_used() + map_bytes_used());
	snap_pair(o, FMT_AUDIT_SNAPSHOTS_FAILED, j->failed);
	audit_kernel(o, j);
	audit_others(o, j);
	snap_audit_allocator(o, j);
	snap_reach_audit(o, j);
	snap_pair(o, FMT_AUDIT_WRITE_NS, sys_now_ns() - j->begin_ns);
	snap_record_end(o);
}
