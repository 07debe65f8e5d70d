/*
 * target.c - reads /proc of a live process and finds its control page.
 *
 * Trusts nothing in there: names are other people's, /dev/shm is everybody's, and a pid may be
 * another process's by the time we act. So a process is known by (pid, start time), signals go
 * through a pidfd, and a control file must be owned by the process's user or root, who may cut it
 * at any moment (shared_page.h).
 */
#include "target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ask_thread.h"
#include "shared_page.h"

/* A whole small file of /proc, ended by NUL; NULL when it cannot be read. *n is its length. */
static char *read_proc(const char *path, size_t *n)
{
	FILE *f = fopen(path, "re");
	struct str s = {0};
	char buf[4096];
	size_t got;

	if (!f)
		return NULL;
	while ((got = fread(buf, 1, sizeof buf, f)) > 0)
		str_add_mem(&s, buf, got);
	fclose(f);
	if (!s.data)
		str_add(&s, "");
	*n = s.len;
	return s.data;
}

static char *read_proc_of(pid_t pid, const char *name, size_t *n)
{
	char *path = xasprintf("/proc/%d/%s", (int)pid, name), *text = read_proc(path, n);

	free(path);
	return text;
}

/* pid (comm) state ppid ... start_ticks: comm may hold blanks and parentheses, so look for the last
 * one. */
static bool parse_stat(struct target *t, const char *stat)
{
	const char *open = strchr(stat, '('), *close = strrchr(stat, ')');

	if (!open || !close || close < open)
		return false;
	snprintf(t->comm, sizeof t->comm, "%.*s", (int)(close - open - 1), open + 1);
	t->state = close[1] == ' ' ? close[2] : 0;
	/* The state is field 3; the start is field 22. */
	const char *at = close + 2;
	for (int field = 3; at && field < 22; field++) {
		at = strchr(at, ' ');
		at += at != NULL;
	}
	if (!t->state || !at)
		return false;
	t->start_ticks = strtoull(at, NULL, 10);
	return true;
}

static const char *status_field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	while (at && at != status && at[-1] != '\n')
		at = strstr(at + 1, name);
	return at ? at + strlen(name) : NULL;
}

static void parse_status(struct target *t, const char *status)
{
	const char *field = status_field(status, "Uid:");
	char *rest = NULL;

	t->uid = field ? (uid_t)strtoul(field, &rest, 10) : 0;
	t->euid = field ? (uid_t)strtoul(rest, NULL, 10) : 0;
	field = status_field(status, "Tgid:");
	t->process = field ? (pid_t)strtol(field, NULL, 10) : t->pid;
	field = status_field(status, "SigCgt:");
	t->caught = field ? strtoull(field, NULL, 16) : 0;
	/* One number for each namespace, ours first, its own last. */
	t->ns_pid = t->pid;
	field = status_field(status, "NSpid:");
	for (char *end; field; field = end) {
		long pid = strtol(field, &end, 10);
		if (end == field)
			break;
		t->ns_pid = (pid_t)pid;
		if (*end == '\n')
			break;
	}
}

static bool read_target(struct target *t)
{
	size_t n;
	char *stat = read_proc_of(t->pid, "stat", &n);
	char *status = read_proc_of(t->pid, "status", &n);
	bool ok = stat && status && parse_stat(t, stat);

	if (ok)
		parse_status(t, status);
	free(stat);
	free(status);
	return ok;
}

int target_open(struct target *t, pid_t pid, struct err *err)
{
	*t = (struct target){.pid = pid, .pidfd = -1, .lock = -1};
	/* First the pidfd, then the facts: whatever is read afterwards is about that process or
	 * about none. */
	t->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (!read_target(t))
		return err_set(err, "there is no process %d", (int)pid);
	if (t->process != pid)
		return err_set(err, "%d is a thread of process %d; name that", (int)pid,
		               (int)t->process);
	return 0;
}

void target_close(struct target *t)
{
	if (t->pidfd >= 0)
		close(t->pidfd);
	if (t->lock >= 0)
		close(t->lock);
	shared_page_unmap(t->control);
	t->control = NULL;
	t->pidfd = t->lock = -1;
}

bool target_refresh(struct target *t)
{
	uint64_t start = t->start_ticks;

	return read_target(t) && t->start_ticks == start && t->state != 'X';
}

int target_has_library(const struct target *t, struct err *err)
{
	size_t n;
	char *maps = read_proc_of(t->pid, "maps", &n);

	if (!maps) {
		int e = errno;
		return err_set(err, "process %d (%s): cannot read /proc/%d/maps: %s%s", (int)t->pid,
		               t->comm, (int)t->pid, strerror(e),
		               e == EACCES || e == EPERM
		                       ? "; it is another user's: run this as that user or root"
		                       : "");
	}
	bool found = strstr(maps, "/liboutlive.so") || strstr(maps, FMT_CONTROL_DIR "/outlive.");
	free(maps);
	return found;
}

/* ---- the control page ---- */

/* Opens one candidate. The errno of a file that is there but not for us is kept in *why. */
static int open_control_file(const struct target *t, const char *root, char path[128], int *why)
{
	struct stat st;

	snprintf(path, 128, "%s" FMT_CONTROL_DIR "/outlive.%d.ctl", root, (int)t->ns_pid);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		if (errno != ENOENT)
			*why = errno;
		return -1;
	}
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) &&
	    st.st_size >= (off_t)sizeof(struct fmt_control) &&
	    (st.st_uid == 0 || st.st_uid == t->uid || st.st_uid == t->euid))
		return fd;
	*why = EPERM;
	close(fd);
	return -1;
}

/* How far the clock of `process` is from the kernel's own, in ticks: time namespaces. 0 unknown. */
static int64_t clock_offset(const char *process)
{
	static const char key[] = "boottime";
	char *path = xasprintf("/proc/%s/timens_offsets", process);
	size_t n;
	char *text = read_proc(path, &n), *at = text ? strstr(text, key) : NULL;
	long long seconds = at ? strtoll(at + sizeof key - 1, &at, 10) : 0, ns = 0;

	if (at)
		ns = strtoll(at, NULL, 10);
	free(text);
	free(path);
	long rate = sysconf(_SC_CLK_TCK);
	return seconds * rate + ns / (1000000000 / rate);
}

/* Is that when the process was started, by its own clock? */
static bool is_start(const struct target *t, uint64_t ticks)
{
	char pid[24];

	if (ticks == t->start_ticks)
		return true;
	snprintf(pid, sizeof pid, "%d", (int)t->pid);
	int64_t offset = clock_offset(pid) - clock_offset("self");
	int64_t late = (int64_t)ticks - (int64_t)t->start_ticks - offset;
	return offset && late >= -1 && late <= 1;
}

/* True when the page in fd is this process's; maps it. A stale one is removed. */
static bool map_control(struct target *t, int fd, const char *path)
{
	struct fmt_control *c = shared_page_map(fd, sizeof *c);

	if (!c)
		return false;
	if (c->magic == FMT_CONTROL_MAGIC && c->version == 1 && c->pid == (uint32_t)t->ns_pid &&
	    is_start(t, c->start_ticks)) {
		t->control = c;
		return true;
	}
	if (c->magic == FMT_CONTROL_MAGIC && !is_start(t, c->start_ticks))
		unlink(path);
	shared_page_unmap(c);
	return false;
}

int target_open_control(struct target *t, struct err *err)
{
	char root[32], path[128];
	int why = 0;

	/* Its own /dev/shm; then ours, for a process that has changed its root since it made the
	 * file. */
	snprintf(root, sizeof root, "/proc/%d/root", (int)t->pid);
	const char *roots[] = {root, ""};
	for (int i = 0; i < 2; i++) {
		int fd = open_control_file(t, roots[i], path, &why);
		if (fd < 0)
			continue;
		if (map_control(t, fd, path)) {
			t->lock = fd;
			return 0;
		}
		close(fd);
	}
	if (why)
		return err_set(err, "%s: %s", path, strerror(why));
	return err_set(err, "process %d (%s) has no control file in " FMT_CONTROL_DIR, (int)t->pid,
	               t->comm);
}

int target_check_control(const struct target *t, struct err *err)
{
	if (__atomic_load_n(&t->control->magic, __ATOMIC_ACQUIRE) == FMT_CONTROL_MAGIC)
		return 0;
	return err_set(err, "process %d (%s): somebody has emptied its control file", (int)t->pid,
	               t->comm);
}

void target_forget(pid_t pid)
{
	struct target t = {.pid = pid, .ns_pid = pid, .pidfd = -1, .lock = -1};
	char path[128];
	int why;

	if (read_target(&t))
		return;
	t.uid = t.euid = geteuid();
	int fd = open_control_file(&t, "", path, &why);
	if (fd < 0)
		return;
	/* One that was killed while it made the page has left it empty. */
	uint64_t magic = 0;
	if (pread(fd, &magic, sizeof magic, 0) >= 0 && (!magic || magic == FMT_CONTROL_MAGIC))
		unlink(path);
	target_close(&t);
	close(fd);
}

/* ---- signals ---- */

static bool send_info(const struct target *t, pid_t tid, int number, siginfo_t *info)
{
	if (tid)
		return ask_thread_sleeps(t, tid) &&
		       !syscall(SYS_rt_tgsigqueueinfo, t->pid, tid, number, info);
	if (t->pidfd >= 0 && syscall(SYS_pidfd_send_signal, t->pidfd, number, info, 0) == 0)
		return true;
	return (t->pidfd < 0 || errno == ENOSYS) && !sigqueue(t->pid, number, info->si_value);
}

static int send(struct target *t, pid_t tid, int number, struct err *err)
{
	siginfo_t info = {0};

	if (!target_refresh(t))
		return err_set(err, "process %d has ended", (int)t->pid);
	/* Without a handler the signal would end it. */
	if (number < 1 || number > 64 || !(t->caught >> (number - 1) & 1))
		return err_set(err, "process %d (%s) does not listen to signal %d", (int)t->pid,
		               t->comm, number);
	info.si_signo = number;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = FMT_CONTROL_VALUE;
	errno = ESRCH;
	if (send_info(t, tid, number, &info))
		return 0;
	return err_set(err, "process %d (%s): cannot send it signal %d: %s", (int)t->pid, t->comm,
	               number, strerror(errno));
}

int target_signal(struct target *t, pid_t tid, int number, struct err *err)
{
	struct fmt_control *c = t->control;
	int result = -1;

	if (!c)
		return send(t, tid, number, err);
	/* What it is becoming has no handler yet, and it waits until we have looked, and sent. */
	__atomic_fetch_add(&c->senders, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&c->state, __ATOMIC_SEQ_CST) == FMT_CONTROL_OFF)
		err_set(err, "process %d (%s) is becoming another program", (int)t->pid, t->comm);
	else
		result = send(t, tid, number, err);
	__atomic_fetch_sub(&c->senders, 1, __ATOMIC_SEQ_CST);
	return result;
}

/* Calls visit(t, text, arg) with each thread's file of that name. */
static void each_thread(const struct target *t, const char *file,
                        void (*visit)(const struct target *t, const char *text, void *arg),
                        void *arg)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task", (int)t->pid);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		size_t n;
		char *name = xasprintf("task/%s/%s", e->d_name, file);
		char *text = read_proc_of(t->pid, name, &n);
		if (text)
			visit(t, text, arg);
		free(text);
		free(name);
	}
	if (dir)
		closedir(dir);
}

struct blocking {
	int number;
	unsigned blocking, all;
};

static void count_blocking(const struct target *t, const char *status, void *arg)
{
	struct blocking *b = arg;
	const char *field = status_field(status, "SigBlk:");

	(void)t;
	b->all += field != NULL;
	b->blocking += field && strtoull(field, NULL, 16) >> (b->number - 1) & 1;
}

unsigned target_threads_blocking(const struct target *t, int number, unsigned *all)
{
	struct blocking b = {.number = number};

	each_thread(t, "status", count_blocking, &b);
	*all = b.all;
	return b.blocking;
}

struct sought {
	const char *comm;
	char state;
};

static void look_at_children(const struct target *t, const char *children, void *arg)
{
	struct sought *sought = arg;
	char *end;

	(void)t;
	for (const char *at = children;; at = end) {
		struct target child = {.pid = (pid_t)strtol(at, &end, 10)};
		if (end == at)
			return;
		if (read_target(&child) && !strcmp(child.comm, sought->comm) &&
		    sought->state != 'Z')
			sought->state = child.state;
	}
}

char target_child_state(const struct target *t, const char *comm)
{
	struct sought sought = {.comm = comm};

	each_thread(t, "children", look_at_children, &sought);
	return sought.state;
}

/* ---- where its files are ---- */

char *target_getenv(const struct target *t, const char *name)
{
	size_t n, len = strlen(name);
	char *environ_text = read_proc_of(t->pid, "environ", &n), *found = NULL;

	if (!environ_text)
		return NULL;
	for (size_t at = 0; at < n; at += strlen(environ_text + at) + 1) {
		if (strncmp(environ_text + at, name, len) || environ_text[at + len] != '=')
			continue;
		found = xstrdup(environ_text + at + len + 1);
		break;
	}
	free(environ_text);
	return found;
}

/* True when two links of /proc name the same thing: mount namespaces. */
static bool same_link(const char *a, const char *b)
{
	char to_a[256], to_b[256];
	ssize_t n_a = readlink(a, to_a, sizeof to_a), n_b = readlink(b, to_b, sizeof to_b);

	return n_a == n_b && n_a > 0 && !memcmp(to_a, to_b, (size_t)n_a);
}

char *target_path(const struct target *t, const char *path)
{
	char mounts[64], root[64], to[8];

	snprintf(mounts, sizeof mounts, "/proc/%d/ns/mnt", (int)t->pid);
	snprintf(root, sizeof root, "/proc/%d/root", (int)t->pid);
	ssize_t n = readlink(root, to, sizeof to);
	bool own_root = n > 0 && !(n == 1 && to[0] == '/');
	/* liboutlive.so resolved its folder before a chroot: then the path is true from here. */
	if ((own_root && access(path, F_OK)) || !same_link(mounts, "/proc/self/ns/mnt"))
		return xasprintf("%s%s", root, path);
	return xstrdup(path);
}
