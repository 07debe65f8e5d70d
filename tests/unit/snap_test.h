/*
 * snap_test.h - what the tests of the snapshot writer share: a folder for each test, the process's
 * children and descriptors as the kernel has them, and where the last snapshot went.
 */
#ifndef OUTLIVE_SNAP_TEST_H
#define OUTLIVE_SNAP_TEST_H

#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "decode.h"
#include "fake_tables.h"

/* Not every test program uses each. */
#define HELPER __attribute__((unused)) static

static char g_folder[256];
static struct fmt_control g_page;

HELPER int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	remove(path);
	return 0;
}

HELPER void remove_folder(void)
{
	nftw(g_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new folder as `out`, some counts in the tables, and the writer initialised. */
HELPER void setup(const char *out)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(g_folder, sizeof(g_folder), "%s/outlive-test-XXXXXX", tmp ? tmp : "/tmp");
	OK(mkdtemp(g_folder) != NULL);
	atexit(remove_folder);
	g_options.out = out ? out : g_folder;
	g_options.text = "keep=3";
	g_options.tally = "";
	g_options.depth = 128;
	g_options.quiet = true;
	g_control = &g_page;
	fake_now = 1000;
	for (unsigned i = 0; i < 100; i++) {
		fake_alloc(i % 4, i % 8, i, 10 + i);
		if (i % 3 == 0)
			fake_free((i + 1) % 4, i % 4, i);
	}
	fake_now = 2000;
	EQ(snapshot_init(), 0);
}

HELPER int take(bool wait)
{
	struct snapshot_request r = {
	        .reason = FMT_REASON_DEMAND, .exit_status = -1, .label = "test", .wait = wait};

	return snapshot_take(&r);
}

/* The last snapshot, decoded; it must be right. */
HELPER struct decoded *last_snapshot(void)
{
	struct decoded *d = decode_file(g_page.path);

	if (d->wrong)
		FAIL("%s: %s", g_page.path, d->wrong);
	return d;
}

/* How many names in a folder begin with "outlive" or ".outlive" and end so. */
HELPER int count_files(const char *folder, const char *end)
{
	DIR *dir = opendir(folder);
	int n = 0;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		size_t length = strlen(e->d_name), want = strlen(end);

		n += !strncmp(e->d_name + (e->d_name[0] == '.'), "outlive", 7) && length >= want &&
		     !strcmp(e->d_name + length - want, end);
	}
	if (dir)
		closedir(dir);
	return dir ? n : -1;
}

/* The descriptors that are open, as one line. */
HELPER void list_fds(char *out, size_t size)
{
	size_t n = 0;

	out[0] = 0;
	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n += (size_t)snprintf(out + n, size - n, "%d ", fd);
}

/* Children of this process, zombies included, however they were made. */
HELPER int count_children(void)
{
	char path[64], text[4096] = "";
	int n = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	int fd = open(path, O_RDONLY);
	ssize_t have = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < have; i++)
		n += text[i] == ' ';
	return have < 0 ? -1 : n;
}

HELPER void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* Waits until cond holds; a test that waits longer than a minute has failed. */
#define AWAIT(cond)                                        \
	do {                                               \
		int await_left = 6000;                     \
		while (!(cond) && await_left--)            \
			sleep_ms(10);                      \
		if (await_left < 0)                        \
			FAIL("waited in vain: %s", #cond); \
	} while (0)

/* ---- the writer held in the middle of its work: no TLS there, so no libc ---- */

static volatile int g_hold, g_held;

HELPER void hold_writer(void)
{
	__atomic_store_n(&g_held, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&g_hold, __ATOMIC_SEQ_CST))
		sys_call(SYS_sched_yield);
}

HELPER void start_held_snapshot(void)
{
	g_hold = 1;
	g_held = 0;
	fake_walk_hook = hold_writer;
	EQ(take(false), 0);
	AWAIT(g_held);
}

HELPER void let_go(void)
{
	g_hold = 0;
	fake_walk_hook = NULL;
}

#endif
