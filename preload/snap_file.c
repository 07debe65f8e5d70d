/*
 * snap_file.c - where snapshots go: folder, names, which of them stay, and what a person is told
 * when one cannot be written. Context: the snapshot child (snap.h), but for the two functions
 * marked "parent". A file that exists is never replaced, and only files that this image wrote are
 * removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "options.h"
#include "snap.h"
#include "sys.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif
#define KEEP_MAX 65536

char g_snap_command[16];
static char g_start_folder[3072];       /* what `out` is relative to: programs chdir */
static uint64_t g_root_dev, g_root_ino; /* programs chroot */

static uint32_t g_next;   /* the next file's number, 0: not yet looked */
static uint32_t g_n_kept; /* files written after the first */
static uint32_t *g_ring;  /* [keep] their numbers */
static uint64_t g_keep;
static bool g_have_first;
static uint32_t g_peak; /* number of the peak's file, 0: none yet */

/* ---- parent ---- */

static bool root_id(uint64_t *dev, uint64_t *ino)
{
	struct stat st;

	if (sys_stat("/", &st) < 0)
		return false;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return true;
}

/* A name that can stand in a file name, a line and a glob. */
static void command_init(void)
{
	long n = 0;

	/* The process has its first thread's name. */
	if (sys_gettid() == sys_getpid() &&
	    !sys_call(SYS_prctl, PR_GET_NAME, g_snap_command, 0, 0, 0))
		n = (long)strlen(g_snap_command);
	if (n <= 0)
		n = sys_read_file("/proc/self/comm", g_snap_command, sizeof(g_snap_command) - 1);
	if (n <= 0 || g_snap_command[0] == '\n')
		n = (long)strlen(memcpy(g_snap_command, "unknown", 8));
	if (g_snap_command[n - 1] == '\n')
		n--;
	g_snap_command[n] = 0;
	for (char *p = g_snap_command; *p; p++)
		if ((unsigned char)*p <= ' ' || strchr("/%*?[]\"'\\\177", *p))
			*p = '_';
	if (g_snap_command[0] == '.')
		g_snap_command[0] = '_';
}

void snap_file_init(void)
{
	if (sys_call(SYS_getcwd, g_start_folder, sizeof(g_start_folder)) < 0)
		g_start_folder[0] = 0;
	if (!root_id(&g_root_dev, &g_root_ino))
		g_root_ino = 0;
	command_init();
	g_keep = g_options.keep < KEEP_MAX ? g_options.keep : KEEP_MAX;
	if (g_keep && !g_ring)
		g_ring = sys_map(g_keep * sizeof(*g_ring));
	snap_file_restart();
}

void snap_file_restart(void)
{
	g_next = g_n_kept = g_peak = 0;
	g_have_first = false;
}

/* ---- names ---- */

/* `out` with %p and %c filled in, absolute. Returns the length of what need not be made: the folder
 * that the program started in. */
static size_t name_folder(char *folder, size_t size, uint32_t pid)
{
	struct text t = {folder, folder + size - 1};
	const char *s = g_options.out ? g_options.out : ".";
	size_t given = 0;

	if (*s != '/') {
		text_str(&t, g_start_folder);
		given = (size_t)(t.at - folder);
		if (s[0] == '.' && (!s[1] || s[1] == '/'))
			s += 1 + (s[1] == '/');
		if (*s && given > 1)
			text_str(&t, "/");
	}
	for (; *s; s++) {
		if (s[0] == '%' && (s[1] == 'p' || s[1] == 'c')) {
			if (*++s == 'p')
				text_u64(&t, pid);
			if (*s == 'c')
				text_str(&t, g_snap_command);
			continue;
		}
		text_mem(&t, s, 1);
	}
	while (t.at > folder + 1 && t.at[-1] == '/')
		*--t.at = 0;
	return given;
}

static void name_path(struct snap_name *n)
{
	struct text t = TEXT(n->path);

	text_str(&t, n->folder);
	text_str(&t, n->folder[1] ? "/" : "");
	text_str(&t, n->stem);
	text_u64(&t, n->number);
	text_str(&t, ".snap");
}

static void name_peak(struct snap_name *n)
{
	struct text t = TEXT(n->path);
	uint32_t number = g_peak ? g_peak : n->number;

	text_str(&t, n->folder);
	text_str(&t, n->folder[1] ? "/" : "");
	text_str(&t, n->stem);
	text_str(&t, "peak");
	if (number > 1) {
		text_str(&t, "-");
		text_u64(&t, number);
	}
	text_str(&t, ".snap");
}

/* mkdir -p, from where `given` ends; daemons have umask 0, and then everybody could take files
 * away.
 */
static void make_folders(char *folder, size_t given)
{
	if (strlen(folder) <= given)
		return;
	for (char *p = folder + given + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		sys_call(SYS_mkdirat, AT_FDCWD, folder, 0755);
		*p = '/';
	}
	sys_call(SYS_mkdirat, AT_FDCWD, folder, 0755);
}

static bool root_changed(void)
{
	uint64_t dev, ino;

	return !root_id(&dev, &ino) || dev != g_root_dev || ino != g_root_ino;
}

/* The number in "<stem><number>.snap", 0 for any other name. */
static uint32_t number_of(const char *name, const char *stem)
{
	size_t n = strlen(stem);
	uint32_t v = 0, digits = 0;

	if (strlen(name) < n || memcmp(name, stem, n))
		return 0;
	for (name += n; *name >= '0' && *name <= '9' && digits < 9; name++, digits++)
		v = v * 10 + (uint32_t)(*name - '0');
	return strlen(name) == 5 && !memcmp(name, ".snap", 5) ? v : 0;
}

/*
 * The highest number that files of this command and pid have: of the image that exec replaced, or
 * of an earlier process with our pid. Going on from there keeps names in the order of time.
 */
static uint32_t highest_number(const struct snap_name *n)
{
	char entries[8192] __attribute__((aligned(8))) = "";
	uint32_t highest = 0;
	int fd = sys_open(n->folder, O_RDONLY | O_DIRECTORY, 0);
	long have;

	if (fd < 0)
		return 0;
	while ((have = sys_call(SYS_getdents64, fd, entries, sizeof(entries))) > 0) {
		/* struct linux_dirent64: d_reclen at 16, d_name at 19 */
		for (long at = 0; at < have;) {
			uint16_t length;
			uint32_t v = number_of(entries + at + 19, n->stem);

			memcpy(&length, entries + at + 16, 2);
			highest = v > highest ? v : highest;
			at += length;
		}
	}
	sys_close(fd);
	return highest;
}

int snap_file_open(struct snap_name *n, uint32_t pid, uint64_t unique)
{
	struct text stem = TEXT(n->stem), temp = TEXT(n->temp);
	size_t given = name_folder(n->folder, sizeof(n->folder), pid);
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

	n->fd = -1;
	n->path[0] = 0;
	text_str(&stem, "outlive.");
	text_str(&stem, g_snap_command);
	text_str(&stem, ".");
	text_u64(&stem, pid);
	text_str(&stem, ".");
	text_str(&temp, n->folder);
	text_str(&temp, n->folder[1] ? "/." : ".");
	text_str(&temp, n->stem);
	text_hex(&temp, unique);
	text_str(&temp, ".tmp");
	if (n->folder[0] != '/')
		return -ENOENT; /* the start folder was not known */
	if (strlen(n->folder) == sizeof(n->folder) - 1)
		return -ENAMETOOLONG;

	n->fd = sys_open(n->temp, flags, 0600);
	if (n->fd == -ENOENT && !root_changed()) {
		make_folders(n->folder, given);
		n->fd = sys_open(n->temp, flags, 0600);
	}
	if (n->fd < 0)
		return n->fd;
	sys_call(SYS_fchmod, n->fd, 0600); /* whatever the program's umask */
	if (!g_next)
		g_next = highest_number(n) + 1;
	return 0;
}

/* ---- the final name ---- */

/*
 * temp becomes path unless path exists: -EEXIST. Not every file system knows how: link() does the
 * same, and where there are no links either, the name is taken with an empty file first.
 */
static int rename_to_new(const char *temp, const char *path)
{
	long r = sys_call(SYS_renameat2, AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE);

	if (r != -EINVAL && r != -ENOSYS && r != -EPERM)
		return (int)r;
	r = sys_call(SYS_linkat, AT_FDCWD, temp, AT_FDCWD, path, 0);
	if (!r)
		sys_unlink(temp);
	if (!r || r == -EEXIST)
		return (int)r;
	int fd = sys_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	sys_close(fd);
	r = sys_call(SYS_renameat, AT_FDCWD, temp, AT_FDCWD, path);
	if (r < 0)
		sys_unlink(path);
	return (int)r;
}

/* The first stays, and of the others the last `keep`. */
static void keep_last(struct snap_name *n)
{
	if (!g_have_first) {
		g_have_first = true;
		return;
	}
	if (!g_ring)
		return;
	uint32_t *at = &g_ring[g_n_kept++ % g_keep], number = n->number;

	if (*at && g_n_kept > g_keep) {
		n->number = *at;
		name_path(n);
		sys_unlink(n->path);
		n->number = number;
		name_path(n);
	}
	*at = number;
}

int snap_file_commit(struct snap_name *n, bool aside)
{
	/* Network file systems tell at close that the disk is full. */
	int r = sys_close(n->fd);

	n->fd = -1;
	for (int tries = 0; !r && tries < 10000; tries++) {
		n->number = g_next++;
		name_path(n);
		r = rename_to_new(n->temp, n->path);
		if (!r) {
			if (!aside)
				keep_last(n);
			return 0;
		}
		if (r == -EEXIST)
			r = 0;
	}
	snap_file_discard(n);
	return r ? r : -EEXIST;
}

void snap_file_adopt(struct snap_name *n, bool aside)
{
	g_next = n->number + 1;
	if (!aside)
		keep_last(n);
}

int snap_file_commit_peak(struct snap_name *n)
{
	int r = sys_close(n->fd);

	n->fd = -1;
	if (!r && g_peak) {
		name_peak(n);
		r = (int)sys_call(SYS_renameat, AT_FDCWD, n->temp, AT_FDCWD, n->path);
	}
	/* outlive.<command>.<pid>.peak.snap, peak-2 where another image has left one. */
	for (int tries = 0; !r && !g_peak && tries < 10000; tries++) {
		n->number = (uint32_t)tries + 1;
		name_peak(n);
		r = rename_to_new(n->temp, n->path);
		if (!r)
			g_peak = n->number;
		if (r == -EEXIST)
			r = 0;
	}
	if (!r && g_peak)
		return 0;
	snap_file_discard(n);
	return r ? r : -EEXIST;
}

void snap_file_discard(struct snap_name *n)
{
	if (n->fd >= 0)
		sys_close(n->fd);
	n->fd = -1;
	if (n->temp[0])
		sys_unlink(n->temp);
}

/* ---- what a person is told ---- */

static const char *reason(int error)
{
	switch (error) {
	case -ENOSPC:
		return "the disk is full";
	case -EDQUOT:
		return "the disk quota is used up";
	case -EFBIG:
		return "it is larger than a file may be (ulimit -f)";
	case -EROFS:
		return "the file system is read-only";
	case -EACCES:
	case -EPERM:
		return "permission denied";
	case -ENOENT:
		return root_changed() ? "the program has changed its root folder (chroot)"
		                      : "no such folder";
	case -ENOTDIR:
		return "a part of the path is not a folder";
	case -ENAMETOOLONG:
		return "the path is too long";
	case -ELOOP:
		return "too many symbolic links";
	case -EMFILE:
	case -ENFILE:
		return "too many open files";
	case -ENOMEM:
		return "out of memory";
	case -EIO:
		return "input/output error";
	case -EFAULT:
		return "the writer crashed";
	default:
		return NULL;
	}
}

void snap_file_explain(const struct snap_name *n, int error, char *line, size_t size)
{
	static uint64_t told[64]; /* by errno, below 4096 */
	struct text t = {line, line + size - 1};
	const char *why = reason(error);
	uint32_t number = (uint32_t)-error & 4095;
	uint64_t bit = 1ul << (number & 63);

	text_str(&t, "no snapshot in ");
	text_str(&t, n->folder);
	text_str(&t, ": ");
	text_str(&t, why ? why : "errno ");
	if (!why)
		text_u64(&t, number);
	if (g_options.quiet || told[number / 64] & bit)
		return;
	told[number / 64] |= bit;
	sys_log(line, "", "");
}
