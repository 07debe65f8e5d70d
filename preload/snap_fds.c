/*
 * snap_fds.c - descriptors into records, held against the kernel's own list. The look comes first:
 * the child has copies of the program's descriptors only until it has closed them, and what a
 * socket's ends are can be asked through a copy alone. Context: the snapshot child (snap.h).
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "fd.h"
#include "intended.h"
#include "snap.h"
#include "snap_socket.h"
#include "sys.h"

/* One descriptor as the kernel has it. */
struct look {
	uint32_t fd, kind, flags;
	bool timer, again; /* again: not in the table; ask once more */
	uint64_t device, inode;
	uint64_t interval_ns, remaining_ns, ticks; /* of a timerfd */
	uint32_t text, length;                     /* what it names, in the pool */
};
static struct {
	struct look *at;
	uint32_t n, room;
	char *pool;
	uint32_t used, size;
	uint32_t generation; /* births after it are not among these */
	uint64_t ns;
	bool done;
	int folder;
} g_look;

/* Names are cut at NAME_MAX_. The pool is not backed by memory until it is used. */
enum { NAME_MAX_ = 511, POOL_PER_FD = NAME_MAX_ + 1 };

static uint32_t pool_add(const char *s, size_t n)
{
	uint32_t at = g_look.used;

	if (n > g_look.size - g_look.used)
		n = g_look.size - g_look.used;
	memcpy(g_look.pool + at, s, n);
	g_look.used += (uint32_t)n;
	return at;
}

/* The decimal number behind `key` in the text of fdinfo. */
static bool number_behind(const char *text, const char *key, uint64_t *v)
{
	const char *p = strstr(text, key);

	if (!p)
		return false;
	p += strlen(key);
	while (*p == ' ' || *p == '\t' || *p == '(')
		p++;
	for (*v = 0; *p >= '0' && *p <= '9'; p++)
		*v = *v * 10 + (uint64_t)(*p - '0');
	return true;
}

/* "it_value: (seconds, nanoseconds)" */
static uint64_t pair_behind(const char *text, const char *key)
{
	const char *p = strstr(text, key);
	uint64_t seconds = 0, ns = 0;

	if (!p || !number_behind(p, key, &seconds))
		return 0;
	p = strchr(p, ',');
	if (p)
		number_behind(p, ",", &ns);
	return seconds * 1000000000u + ns;
}

/* What an epoll watches: "tfd: N" lines. */
static void epoll_text(const char *info, struct text *t)
{
	unsigned n = 0;
	uint64_t fd = 0;

	text_str(t, "epoll");
	for (const char *p = strstr(info, "tfd:"); p; p = strstr(p + 4, "tfd:")) {
		if (n++ == 16) {
			text_str(t, " ...");
			return;
		}
		number_behind(p, "tfd:", &fd);
		text_str(t, n == 1 ? " on " : ",");
		text_u64(t, fd);
	}
}

static const struct {
	const char *link;
	uint32_t kind;
} anonymous[] = {
        {"anon_inode:[eventpoll]", FMT_FD_EPOLL},
        {"anon_inode:[eventfd]", FMT_FD_EVENTFD},
        {"anon_inode:[timerfd]", FMT_FD_TIMERFD},
        {"anon_inode:[signalfd]", FMT_FD_SIGNALFD},
        {"anon_inode:inotify", FMT_FD_INOTIFY},
        {"anon_inode:[fanotify]", FMT_FD_INOTIFY},
        {"anon_inode:[pidfd]", FMT_FD_PIDFD},
        {"pidfd:", FMT_FD_PIDFD},
        {"/memfd:", FMT_FD_MEMFD},
        {"anon_inode:", FMT_FD_OTHER},
};

static uint32_t kind_of(const struct stat *st, const char *link)
{
	for (size_t i = 0; i < sizeof(anonymous) / sizeof(anonymous[0]); i++)
		if (!strncmp(link, anonymous[i].link, strlen(anonymous[i].link)))
			return anonymous[i].kind;
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return FMT_FD_FILE;
	case S_IFDIR:
		return FMT_FD_DIRECTORY;
	case S_IFIFO:
		return FMT_FD_PIPE;
	case S_IFSOCK:
		return FMT_FD_SOCKET;
	case S_IFCHR:
	case S_IFBLK:
		return FMT_FD_DEVICE;
	default:
		return FMT_FD_OTHER;
	}
}

static long read_fdinfo(uint32_t fd, char *buf, size_t size)
{
	char path[64];
	struct text t = TEXT(path);

	text_str(&t, "/proc/self/fdinfo/");
	text_u64(&t, fd);
	long n = sys_read_file(path, buf, size - 1);

	buf[n > 0 ? n : 0] = 0;
	return n;
}

/* Which end of a pipe; a fifo has a path. */
static void pipe_text(uint32_t fd, const char *link, struct text *t)
{
	long mode = sys_call(SYS_fcntl, fd, F_GETFL, 0);

	text_str(t, link);
	if (mode >= 0 && (mode & O_ACCMODE) != O_RDWR && !strncmp(link, "pipe:[", 6))
		text_str(t, mode & O_WRONLY ? " write end" : " read end");
}

/* Names by kind where the link itself says little. */
static void name(struct look *l, const char *link)
{
	static char info[4096], text[NAME_MAX_ + 1]; /* one snapshot at a time */
	struct text t = TEXT(text);

	text[0] = 0;
	if (l->kind == FMT_FD_SOCKET) {
		snap_socket_text((int)l->fd, &t);
	} else if (l->kind == FMT_FD_PIPE) {
		pipe_text(l->fd, link, &t);
	} else if (l->kind == FMT_FD_EPOLL && read_fdinfo(l->fd, info, sizeof(info)) > 0) {
		epoll_text(info, &t);
	} else if (l->kind == FMT_FD_TIMERFD && read_fdinfo(l->fd, info, sizeof(info)) > 0) {
		l->timer = true;
		l->remaining_ns = pair_behind(info, "it_value:");
		l->interval_ns = pair_behind(info, "it_interval:");
		number_behind(info, "ticks:", &l->ticks);
		text_str(&t, "timerfd");
	} else {
		text_str(&t, link);
	}
	l->length = (uint32_t)(t.at - text);
	l->text = pool_add(text, l->length);
	if (l->length > g_look.used - l->text)
		l->length = g_look.used - l->text;
}

static void look_at(uint32_t fd, void *arg)
{
	static char link[NAME_MAX_ + 1];
	char path[64];
	struct text t = TEXT(path);
	struct stat st;

	(void)arg;
	if (g_look.n == g_look.room || (int)fd == g_look.folder)
		return;
	text_str(&t, "/proc/self/fd/");
	text_u64(&t, fd);
	long n = sys_call(SYS_readlinkat, AT_FDCWD, path, link, sizeof(link) - 1);

	if (n < 0 || sys_call(SYS_fstat, fd, &st) < 0)
		return;
	link[n] = 0;
	struct look *l = &g_look.at[g_look.n++];

	memset(l, 0, sizeof(*l));
	l->fd = fd;
	l->kind = kind_of(&st, link);
	l->device = st.st_dev;
	l->inode = st.st_ino;
	if (sys_call(SYS_fcntl, fd, F_GETFD, 0) > 0)
		l->flags |= FMT_FD_FLAG_CLOEXEC;
	if (l->kind == FMT_FD_FILE && !st.st_nlink)
		l->flags |= FMT_FD_FLAG_DELETED;
	name(l, link);
}

static void count(uint32_t fd, void *arg)
{
	(void)fd;
	++*(uint32_t *)arg;
}

void snap_fds_look(void)
{
	uint32_t n = 0;

	memset(&g_look, 0, sizeof(g_look));
	g_look.generation = fd_generation();
	g_look.ns = sys_now_ns();
	snap_each_number("/proc/self/fd", &g_look.folder, count, &n);
	if (!n)
		return;
	g_look.room = n + 16;
	g_look.size = g_look.room * POOL_PER_FD;
	g_look.at = snap_scratch(g_look.room * sizeof(*g_look.at));
	g_look.pool = snap_scratch(g_look.size);
	if (!g_look.at || !g_look.pool)
		return;
	snap_each_number("/proc/self/fd", &g_look.folder, look_at, NULL);
	g_look.done = true;
}

/* ---- into records ---- */

static uint64_t uptime(const struct snap_job *j, uint64_t ns)
{
	uint64_t start = j->begin_ns - j->uptime_ns;

	return ns > start ? ns - start : 0;
}

static void path_of(const struct snap_job *j, uint32_t fd, char *path, size_t size)
{
	struct text t = {path, path + size - 1};

	text_str(&t, j->proc);
	text_str(&t, "/fd/");
	text_u64(&t, fd);
}

/* Still there? What was closed after the look is not "unseen". */
static bool still_open(const struct snap_job *j, uint32_t fd)
{
	char path[96], link[8];

	if (!j->proc[0])
		return true;
	path_of(j, fd, path, sizeof(path));
	return sys_call(SYS_readlinkat, AT_FDCWD, path, link, sizeof(link)) > 0;
}

/* Does the number still name what it named when we looked? */
static bool still_same(const struct snap_job *j, const struct look *l)
{
	char path[96];
	struct stat st = {0};

	path_of(j, l->fd, path, sizeof(path));
	return !j->proc[0] ||
	       (sys_stat(path, &st) >= 0 && st.st_dev == l->device && st.st_ino == l->inode);
}

/* Generations wrap, and the clock of births lags behind: together they tell. */
static bool is_newer(const struct fd_view *v)
{
	const uint64_t lag_ns = 20000000;

	return v->born_ns + lag_ns > g_look.ns && fd_born_after(v, g_look.generation);
}

/* Could a call that made a `kind` have made this? What open() gives may be nearly anything. */
static bool is_possible(uint32_t kind, uint32_t now)
{
	switch (kind) {
	case FMT_FD_UNKNOWN:
	case FMT_FD_OTHER:
		return true;
	case FMT_FD_FILE:
	case FMT_FD_DEVICE:
		return now != FMT_FD_SOCKET && now != FMT_FD_EPOLL && now != FMT_FD_TIMERFD;
	case FMT_FD_MEMFD:
		return now == FMT_FD_MEMFD || now == FMT_FD_FILE;
	default:
		return kind == now;
	}
}

static void put_look(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have,
                     const struct look *l, const struct fd_view *v)
{
	snap_item(o);
	snap_u(o, l->fd);
	snap_u(o, l->kind);
	snap_u(o, l->flags | v->flags | (intended_fd(l->fd, v) ? FMT_FD_FLAG_INTENDED : 0u));
	snap_put_node(o, have, v->stack);
	snap_u(o, v->task);
	snap_u(o, uptime(j, v->born_ns));
	snap_mem(o, g_look.pool + l->text, l->length);
}

/* Opened by a call that we know. Not when the number was closed and opened again where no hook sees
 * it. */
static bool is_known(const struct look *l, struct fd_view *v)
{
	return fd_get(l->fd, v) && is_possible(v->kind, l->kind) &&
	       fd_same_object(l->fd, v, l->device, l->inode);
}

/* What the program has done since the look: closed (no row), or closed and opened again. False: not
 * known. */
static bool put_known(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have,
                      const struct look *l)
{
	struct fd_view v = {0};

	if (fd_get(l->fd, &v) && is_newer(&v) && !still_same(j, l)) {
		j->fds--;
		return true;
	}
	if (!is_known(l, &v))
		return false;
	put_look(o, j, have, l, &v);
	return true;
}

/* No stack, and no accusation. */
static void put_unseen(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have,
                       const struct look *l)
{
	struct fd_view v = {.flags = FMT_FD_FLAG_UNSEEN};

	if (put_known(o, j, have, l))
		return;
	if (!still_open(j, l->fd)) {
		j->fds--;
		return;
	}
	j->fds_unseen++;
	put_look(o, j, have, l, &v);
}

/*
 * Between the kernel's answer to a call and our note of it, or between our note and the kernel's
 * answer, a moment passes: who is in it is asked for once more.
 */
static void put_all(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have)
{
	bool again = false;

	for (uint32_t i = 0; i < g_look.n; i++)
		again |= g_look.at[i].again = !put_known(o, j, have, &g_look.at[i]);
	if (again)
		snap_moment();
	for (uint32_t i = 0; i < g_look.n; i++)
		if (g_look.at[i].again)
			put_unseen(o, j, have, &g_look.at[i]);
}

/* Where there is no /proc the table is all that is known. */
static void put_table(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have)
{
	uint32_t limit = fd_limit();

	for (uint32_t fd = fd_next(0); fd < limit; fd = fd_next(fd + 1)) {
		struct fd_view v;

		if (!fd_get(fd, &v))
			continue;
		struct look l = {.fd = fd, .kind = v.kind};

		j->fds++;
		put_look(o, j, have, &l, &v);
	}
}

/* Of the table, not of the kernel: died unseen. Those born after the look were not there to be
 * looked at. */
static uint32_t count_vanished(const struct snap_job *j)
{
	uint32_t limit = fd_limit(), i = 0, n = 0;

	for (uint32_t fd = fd_next(0); fd < limit; fd = fd_next(fd + 1)) {
		struct fd_view v;

		while (i < g_look.n && g_look.at[i].fd < fd)
			i++;
		if (i < g_look.n && g_look.at[i].fd == fd)
			continue;
		if (fd_get(fd, &v) && !is_newer(&v) && !still_open(j, fd))
			n++;
	}
	return n;
}

static void put_bad(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have)
{
	struct fd_bad b;

	snap_record(o, FMT_FD_BAD);
	for (uint32_t i = 0; i < FD_BAD_MAX; i++) {
		if (!fd_bad_get(i, &b))
			continue;
		snap_item(o);
		snap_u(o, b.what);
		snap_u(o, b.fd);
		snap_put_node(o, have, b.stack);
		snap_put_node(o, have, b.before);
		snap_u(o, b.count);
		snap_u(o, uptime(j, b.last_ns));
	}
	snap_record_end(o);
}

void snap_fds(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have)
{
	struct fd_sum s;

	j->fds = g_look.n;
	snap_record(o, FMT_FD);
	put_all(o, j, have);
	if (!g_look.done)
		put_table(o, j, have);
	snap_record_end(o);
	if (g_look.done && count_vanished(j)) {
		snap_moment();
		j->fds_vanished = count_vanished(j);
	}
	snap_record(o, FMT_FD_SUM);
	for (uint32_t i = 0; (i = fd_sum_next(i, have->stacks)) <= have->stacks; i++) {
		if (!fd_sum_get(i, &s))
			continue;
		snap_item(o);
		snap_put_node(o, have, i);
		snap_u(o, s.kind);
		snap_u(o, s.opened);
		snap_u(o, s.closed < s.opened ? s.closed : s.opened);
	}
	snap_record_end(o);
	put_bad(o, j, have);
}

void snap_fd_timers(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have)
{
	for (uint32_t i = 0; i < g_look.n; i++) {
		const struct look *l = &g_look.at[i];
		struct fd_view v = {0};

		if (!l->timer)
			continue;
		if (!fd_get(l->fd, &v) || v.kind != FMT_FD_TIMERFD)
			v = (struct fd_view){0};
		snap_item(o);
		snap_u(o, FMT_TIMER_FD);
		snap_u(o, l->fd);
		/* A periodic one that nobody reads is not wound up again before it is read. */
		snap_u(o, (l->remaining_ns || (l->ticks && l->interval_ns) ? FMT_TIMER_FLAG_ARMED
		                                                           : 0u) |
		                  (l->ticks ? FMT_TIMER_FLAG_FIRED : 0u) |
		                  (intended_fd(l->fd, &v) ? FMT_TIMER_FLAG_INTENDED : 0u));
		snap_put_node(o, have, v.stack);
		snap_u(o, v.task);
		snap_u(o, uptime(j, v.born_ns));
		snap_u(o, l->interval_ns);
		snap_u(o, l->remaining_ns);
		snap_u(o, l->ticks);
		snap_u(o, l->fd + 1);
		snap_u(o, 0);
		snap_u(o, 0);
	}
}

void snap_fds_done(void)
{
	snap_scratch_free(g_look.at);
	snap_scratch_free(g_look.pool);
	memset(&g_look, 0, sizeof(g_look));
}
