/*
 * snapshot_file_test.c - names, folders, keep; and what happens when a snapshot cannot be written:
 * one line, and nothing left behind.
 */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "preload/snap.h"
#include "snap_test.h"

/* The path of one of our files, as the writer should name it. */
static const char *named(unsigned number)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/outlive.%s.%d.%u.snap", g_folder, g_snap_command, getpid(),
	         number);
	return path;
}

static bool is_there(unsigned number)
{
	return !access(named(number), F_OK);
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	EQ(write(fd, "mine", 4), 4);
	close(fd);
}

/* ---- names ---- */

TEST(existing_files_are_never_replaced)
{
	struct stat st;

	setup(NULL);
	make_file(named(1));
	make_file(named(7)); /* the image before exec, or an older process, came to 7 */
	symlink("/etc/passwd", named(3));
	EQ(take(true), 0);
	STREQ(g_page.path, named(8));
	make_file(named(9)); /* and somebody comes between */
	EQ(take(true), 0);
	STREQ(g_page.path, named(10));
	EQ(last_snapshot()->info[FMT_INFO_SEQUENCE], 2);
	unsigned mine[] = {1, 7, 9};
	for (int i = 0; i < 3; i++) {
		EQ(stat(named(mine[i]), &st), 0);
		EQ(st.st_size, 4);
	}
}

TEST(files_of_others_are_not_counted_as_ours)
{
	char path[600];

	setup(NULL);
	snprintf(path, sizeof(path), "%s/outlive.%s.%d.50.snap.gz", g_folder, g_snap_command,
	         getpid());
	make_file(path);
	snprintf(path, sizeof(path), "%s/outlive.%s.%d0.60.snap", g_folder, g_snap_command,
	         getpid());
	make_file(path);
	snprintf(path, sizeof(path), "%s/outlive.%s.%d.99999999999.snap", g_folder, g_snap_command,
	         getpid());
	make_file(path);
	EQ(take(true), 0);
	STREQ(g_page.path, named(1));
}

TEST(first_and_last_n_are_kept)
{
	g_options.keep = 3;
	setup(NULL);
	make_file(named(2)); /* not ours: it stays, whatever `keep` says */
	for (int i = 0; i < 11; i++)
		EQ(take(true), 0); /* 3 to 13 */
	for (unsigned n = 1; n < 15; n++)
		EQ(is_there(n), n == 2 || n == 3 || (n >= 11 && n <= 13));
	EQ(last_snapshot()->info[FMT_INFO_SEQUENCE], 11);
	EQ(count_files(g_folder, ""), 5);
}

TEST(keep_0_keeps_all)
{
	setup(NULL);
	for (int i = 0; i < 20; i++)
		EQ(take(true), 0);
	EQ(count_files(g_folder, ".snap"), 20);
}

TEST(folder_is_made_and_pid_and_command_filled_in)
{
	char out[512], want[1024];

	setup(NULL);
	snprintf(out, sizeof(out), "%s/a/%%c/of-%%p/", g_folder);
	g_options.out = out;
	EQ(take(true), 0);
	snprintf(want, sizeof(want), "%s/a/%s/of-%d/outlive.%s.%d.1.snap", g_folder, g_snap_command,
	         getpid(), g_snap_command, getpid());
	STREQ(g_page.path, want);
	last_snapshot();
}

TEST(current_folder_means_that_of_the_start)
{
	char at[256];

	setup(NULL);
	snprintf(at, sizeof(at), "%s", g_folder);
	EQ(chdir(at), 0);
	g_options.out = ".";
	/* Once more, as if the process started here. */
	pid_t pid = fork();
	if (!pid) {
		char exe[512];
		ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

		exe[n > 0 ? n : 0] = 0;
		setenv("SNAP_START_HERE", "1", 1);
		dup2(2, 1); /* its TAP is not ours */
		execl(exe, exe, "start_here", (char *)NULL);
		_exit(9);
	}
	int status = -1;
	waitpid(pid, &status, 0);
	EQ(status, 0);
	EQ(count_files(at, ".snap"), 1);
	EQ(count_files("/", ""), 0);
	EQ(chdir("/"), 0);
}

TEST(start_here)
{
	if (!getenv("SNAP_START_HERE"))
		return;
	setup(".");
	EQ(chdir("/"), 0);
	EQ(take(true), 0);
}

TEST(umask_does_not_make_files_unreadable)
{
	struct stat st;

	setup(NULL);
	umask(0777);
	EQ(take(true), 0);
	umask(022);
	EQ(stat(g_page.path, &st), 0);
	EQ(st.st_mode & 07777, 0600);
}

/* ---- failures ---- */

/* What arrives on fd 2 while fn runs; sys_log() knows it as the stderr of the start. */
static void capture_stderr(char *out, size_t size, void (*fn)(void))
{
	char path[512];
	int saved = dup(2);

	snprintf(path, sizeof(path), "%s/stderr", g_folder);
	dup2(open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), 2);
	sys_log_init();
	fn();
	ssize_t n = pread(2, out, size - 1, 0);
	out[n > 0 ? n : 0] = 0;
	dup2(saved, 2);
	unlink(path);
}

static int g_want;
static void fail_three_times(void)
{
	for (int i = 0; i < 3; i++)
		EQ(take(true), g_want);
}

static void expect_failure(int want, const char *reason)
{
	char line[1024];

	g_options.quiet = false;
	g_want = want;
	capture_stderr(line, sizeof(line), fail_three_times);
	if (!strstr(line, reason) || !strstr(line, g_options.out))
		FAIL("\"%s\" does not say \"%s\" of %s", line, reason, g_options.out);
	/* one line, for three failures */
	OK(!strncmp(line, "outlive: ", 9));
	EQ(strchr(line, '\n') - line, (long)strlen(line) - 1);
	OK(strstr(g_page.error, reason) != NULL);
	EQ(g_page.last_errno, -want);
}

/* A file system of our own, in a mount namespace of our own. */
static bool mount_here(const char *options, unsigned long flags)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", g_folder, "tmpfs", flags, options)) {
		printf("# not tested: mounting is not permitted (%s)\n", strerror(errno));
		return false;
	}
	return true;
}

TEST(full_disk_is_told_once_and_leaves_nothing)
{
	char path[512];

	setup(NULL);
	if (!mount_here("size=64k", 0))
		return;
	snprintf(path, sizeof(path), "%s/filler", g_folder);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	char page[4096] = "x";
	while (write(fd, page, sizeof(page)) > 0)
		;
	close(fd);
	/* stderr is no file on the full disk */
	char outside[] = "/tmp/outlive-test-err-XXXXXX";
	int err = mkstemp(outside), saved = dup(2);
	unlink(outside);
	dup2(err, 2);
	sys_log_init();
	g_options.quiet = false;
	for (int i = 0; i < 3; i++)
		EQ(take(true), -ENOSPC);
	char line[1024] = "";
	EQ(pread(err, line, sizeof(line) - 1, 0) > 0, 1);
	dup2(saved, 2);
	OK(strstr(line, "the disk is full") && strstr(line, g_folder));
	EQ(strchr(line, '\n') - line, (long)strlen(line) - 1);
	EQ(count_files(g_folder, ""), 0);
	EQ(g_page.failed, 3);
	unlink(path);
	EQ(take(true), 0);
	EQ(last_snapshot()->audit[FMT_AUDIT_SNAPSHOTS_FAILED], 3);
	EQ(is_there(1), 1);
}

TEST(read_only_file_system_is_told)
{
	setup(NULL);
	if (!mount_here("size=64k", MS_RDONLY))
		return;
	g_options.quiet = true;
	EQ(take(true), -EROFS);
	OK(strstr(g_page.error, "read-only") && strstr(g_page.error, g_folder));
}

TEST(unwritable_folder_is_told_once)
{
	char out[512];

	setup(NULL);
	snprintf(out, sizeof(out), "%s/locked", g_folder);
	EQ(mkdir(out, 0555), 0);
	chmod(g_folder, 0777);
	g_options.out = out;
	if (!geteuid())
		EQ(syscall(SYS_setresuid, -1, 65534, -1), 0);
	expect_failure(-EACCES, "permission denied");
	if (!getuid())
		EQ(syscall(SYS_setresuid, -1, 0, -1), 0);
	EQ(count_files(out, ""), 0);
}

TEST(part_of_the_path_is_a_file)
{
	char out[512];

	setup(NULL);
	snprintf(out, sizeof(out), "%s/file", g_folder);
	make_file(out);
	snprintf(out, sizeof(out), "%s/file/sub", g_folder);
	g_options.out = out;
	expect_failure(-ENOTDIR, "not a folder");
}

TEST(chroot_is_told_and_no_folder_is_made_inside)
{
	char jail[512];

	setup(NULL);
	snprintf(jail, sizeof(jail), "%s/jail", g_folder);
	EQ(mkdir(jail, 0700), 0);
	if (chroot(jail)) {
		printf("# not tested: chroot is not permitted (%s)\n", strerror(errno));
		return;
	}
	EQ(take(true), -ENOENT);
	OK(strstr(g_page.error, "chroot") != NULL);
	EQ(count_files("/", ""), 0);
	EQ(access("/tmp", F_OK), -1);
	chroot("../../../../../..");
}

TEST(quiet_is_quiet)
{
	char line[256];

	setup(NULL);
	g_options.out = "/proc/nowhere";
	g_want = -ENOENT;
	capture_stderr(line, sizeof(line), fail_three_times);
	STREQ(line, "");
	EQ(g_page.failed, 3);
}

TEST(path_that_is_too_long_is_not_cut)
{
	static char out[5000];

	setup(NULL);
	memset(out, 'x', 4999);
	for (int i = 0; i < 4999; i += 100)
		out[i] = '/';
	out[4999] = 0;
	g_options.out = out;
	EQ(take(true), -ENAMETOOLONG);
	EQ(count_files("/", ""), 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
