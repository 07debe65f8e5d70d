/*
 * cmd_snapshot.c - `outlive snapshot PID...`: asks live processes for one more snapshot each, and
 * waits for the files.
 *
 * The process writes the file itself; here is only the asking (format.h, section 5) and, when no
 * answer comes, the telling why. Prints each file's absolute path on a line of its own, the last
 * thing on stdout.
 */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "settings.h"
#include "target.h"

static const char usage[] =
        "usage: outlive snapshot [--label TEXT] [--timeout TIME] PID...\n"
        "\n"
        "Asks each process, which must run with liboutlive.so, for one more snapshot, now.\n"
        "Prints the absolute path of each new file on a line of its own.\n"
        "\n"
        "  --label TEXT     kept in the snapshot: \"before the load\"\n"
        "  --timeout TIME   how long to wait for the file (default 30s; 500ms, 2m)\n";

struct ask {
	const char *label;
	uint64_t timeout_ns;
	uint64_t deadline_ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Short at first: most files are there in milliseconds. False when the time is over. */
static bool pause_for(const struct ask *a, unsigned round)
{
	long ns = round < 50 ? 2000000 : 20000000;

	if (now_ns() >= a->deadline_ns)
		return false;
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
	progress("waiting for the snapshot", round, 0);
	return true;
}

/* ---- no answer: why ---- */

static int explain_silence(struct target *t, const struct ask *a, int number, struct err *err)
{
	char after[32];
	unsigned all;

	human_ns(after, a->timeout_ns);
	if (!target_refresh(t))
		return err_set(err, "process %d (%s) has ended without writing it", (int)t->pid,
		               t->comm);
	if (t->state == 'T' || t->state == 't')
		return err_set(err,
		               "process %d (%s) is stopped%s; it writes the snapshot when it goes "
		               "on (kill -CONT %d)",
		               (int)t->pid, t->comm, t->state == 't' ? " by a debugger" : "",
		               (int)t->pid);
	if (t->state == 'Z')
		return err_set(err,
		               "process %d (%s) has ended; its parent has not waited for it yet",
		               (int)t->pid, t->comm);
	if (t->state == 'D')
		return err_set(err,
		               "process %d (%s) is inside the kernel and cannot be woken (state "
		               "D); no answer in %s",
		               (int)t->pid, t->comm, after);
	if (t->control && t->control->writer)
		return err_set(
		        err, "process %d (%s) is still writing after %s; --timeout 5m waits longer",
		        (int)t->pid, t->comm, after);
	if (number && target_threads_blocking(t, number, &all) == all && all)
		return err_set(err,
		               "process %d (%s): no answer in %s: every thread blocks signal %d; "
		               "it answers at its "
		               "next allocation, or run it with --signal N and another signal",
		               (int)t->pid, t->comm, after, number);
	return err_set(err,
	               "process %d (%s): no answer in %s; it answers at its next allocation, or "
	               "--timeout 5m",
	               (int)t->pid, t->comm, after);
}

/* ---- with a control page ---- */

/* `path` and `sequence` as one, between two equal even values of seqlock. */
static char *read_path(struct fmt_control *c)
{
	for (int round = 0; round < 10000; round++) {
		uint32_t before = __atomic_load_n(&c->seqlock, __ATOMIC_ACQUIRE);
		char *path = xasprintf("%.*s", FMT_CONTROL_PATH - 1, c->path);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(before & 1) && before == __atomic_load_n(&c->seqlock, __ATOMIC_RELAXED))
			return path;
		free(path);
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	return NULL;
}

/* One asker at a time: label and flags are single. The lock goes with the file's descriptor. */
static int lock_control(struct target *t, const struct ask *a, struct err *err)
{
	for (unsigned round = 0; flock(t->lock, LOCK_EX | LOCK_NB); round++)
		if (!pause_for(a, round))
			return err_set(err,
			               "process %d (%s): another `outlive snapshot` is still "
			               "waiting for it",
			               (int)t->pid, t->comm);
	return 0;
}

/*
 * A writing child has no exit signal, so an idle program does not see it end, and it would stay a
 * zombie until the next allocation: the signal makes the program look.
 */
static void reap_writer(struct target *t, int number)
{
	for (int round = 0; round < 100 && number; round++) {
		uint32_t writer = __atomic_load_n(&t->control->writer, __ATOMIC_ACQUIRE);
		struct target child;
		if (!writer)
			return;
		/* Its pid is of the process's own namespace: only where that is ours can we look.
		 */
		bool visible = t->ns_pid == t->pid && !target_open(&child, (pid_t)writer, NULL);
		if (visible)
			target_close(&child);
		if (!visible || child.state == 'Z') {
			target_signal(t, number, NULL);
			return;
		}
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

static int ask_by_control(struct target *t, const struct ask *a, char **path, struct err *err)
{
	struct fmt_control *c = t->control;
	int number = (int)c->signal_number;

	if (c->state == FMT_CONTROL_OFF)
		return err_set(err,
		               "process %d (%s) is not profiled: its OUTLIVE_OPTIONS leave it out "
		               "(only, follow)",
		               (int)t->pid, t->comm);
	if (lock_control(t, a, err))
		return -1;
	uint32_t failed = __atomic_load_n(&c->failed, __ATOMIC_ACQUIRE);
	snprintf(c->label, sizeof c->label, "%s", a->label);
	c->flags = 0;
	uint32_t request = __atomic_add_fetch(&c->requested, 1, __ATOMIC_ACQ_REL);
	/* Not deliverable is no reason to give up: hooked calls look at the page, too. */
	bool woken = number && !target_signal(t, number, NULL);
	for (unsigned round = 0;; round++) {
		if ((int32_t)(__atomic_load_n(&c->completed, __ATOMIC_ACQUIRE) - request) >= 0)
			break;
		if (round % 64 == 63 && !target_refresh(t))
			return explain_silence(t, a, number, err);
		if (!pause_for(a, round))
			return explain_silence(t, a, woken ? number : 0, err);
	}
	reap_writer(t, number);
	if (__atomic_load_n(&c->failed, __ATOMIC_ACQUIRE) != failed)
		return err_set(err, "process %d (%s): %.*s", (int)t->pid, t->comm,
		               (int)sizeof c->error - 1, c->error);
	*path = read_path(c);
	return *path ? 0
	             : err_set(err, "process %d (%s) has written a snapshot, but cannot say where",
	                       (int)t->pid, t->comm);
}

/* ---- without: the signal alone, then the new file in its folder ---- */

/* Where it writes, as we can open it: `out` of the environment that it was started with. */
static char *guess_folder(const struct target *t)
{
	char *options = target_getenv(t, "OUTLIVE_OPTIONS");
	char *out = settings_get(options, "out"), *folder;
	char link[64], cwd[4096];

	snprintf(link, sizeof link, "/proc/%d/cwd", (int)t->pid);
	ssize_t n = readlink(link, cwd, sizeof cwd - 1);
	cwd[n > 0 ? n : 0] = 0;
	if (!out || !*out)
		folder = target_path(t, cwd);
	else if (*out == '/')
		folder = target_path(t, out);
	else {
		char *joined = xasprintf("%s/%s", cwd, out);
		folder = target_path(t, joined);
		free(joined);
	}
	free(options);
	free(out);
	return folder;
}

/* The newest snapshot of the process in the folder, by sequence; NULL when there is none. */
static char *newest(const char *folder, pid_t pid, unsigned *sequence)
{
	char *pattern = xasprintf("%s/outlive.*.%d.*.snap", folder, (int)pid), *found = NULL;
	glob_t g;

	*sequence = 0;
	if (!glob(pattern, GLOB_NOSORT, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			const char *end = g.gl_pathv[i] + strlen(g.gl_pathv[i]) - strlen(".snap"),
			           *dot = end;
			while (dot[-1] != '.')
				dot--;
			unsigned n = (unsigned)strtoul(dot, NULL, 10);
			if (n <= *sequence)
				continue;
			*sequence = n;
			free(found);
			found = xstrdup(g.gl_pathv[i]);
		}
		globfree(&g);
	}
	free(pattern);
	return found;
}

static int ask_by_signal(struct target *t, const struct ask *a, const struct err *why, char **path,
                         struct err *err)
{
	char *options = target_getenv(t, "OUTLIVE_OPTIONS"),
	     *given = settings_get(options, "signal");
	int number = given ? atoi(given) : 0;
	char *folder = guess_folder(t);
	unsigned before, after;
	int result = -1;

	if (number < 1)
		number = SIGRTMAX - 4;
	free(newest(folder, t->ns_pid, &before));
	if (target_signal(t, number, NULL)) {
		err_set(err, "%.500s, and does not listen to signal %d", why->text, number);
		goto out;
	}
	for (unsigned round = 0;; round++) {
		*path = newest(folder, t->ns_pid, &after);
		if (*path && after > before) {
			target_signal(t, number, NULL);
			result = 0;
			break;
		}
		free(*path);
		*path = NULL;
		if (!pause_for(a, round)) {
			explain_silence(t, a, number, err);
			break;
		}
	}
out:
	free(folder);
	free(options);
	free(given);
	return result;
}

/* ---- the verb ---- */

static int ask_one(pid_t pid, struct ask *a, char **path, struct err *err)
{
	struct target t;
	struct err why;
	char *written = NULL;
	int result = target_open(&t, pid, err);

	a->deadline_ns = now_ns() + a->timeout_ns;
	if (result)
		goto out;
	result = -1;
	if (t.state == 'Z') {
		err_set(err, "process %d (%s) has ended; its parent has not waited for it yet",
		        (int)pid, t.comm);
		goto out;
	}
	int loaded = target_has_library(&t, err);
	if (loaded < 0)
		goto out;
	if (!loaded) {
		err_set(err,
		        "process %d (%s) runs without liboutlive.so; start it as `outlive run -- "
		        "COMMAND`, or with "
		        "LD_PRELOAD=/path/to/liboutlive.so",
		        (int)pid, t.comm);
		goto out;
	}
	result = !target_open_control(&t, &why) ? ask_by_control(&t, a, &written, err)
	                                        : ask_by_signal(&t, a, &why, &written, err);
	if (!result)
		*path = target_path(&t, written);
out:
	progress(NULL, 0, 0);
	free(written);
	target_close(&t);
	return result;
}

/* "30s", "500ms", "2m": seconds without a unit. False when it is nothing of the kind. */
static bool parse_time(const char *s, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"", 1e9}, {"s", 1e9},  {"ms", 1e6},  {"us", 1e3},
	             {"ns", 1}, {"m", 60e9}, {"h", 3600e9}};
	char *end;
	double n = strtod(s, &end);

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (end == s || strcmp(end, units[i].unit) || !(n >= 0) || n * units[i].ns > 1e18)
			continue;
		*ns = (uint64_t)(n * units[i].ns);
		return true;
	}
	return false;
}

static int parse(int argc, char **argv, struct ask *a)
{
	static const struct option options[] = {{"label", required_argument, NULL, 'l'},
	                                        {"timeout", required_argument, NULL, 't'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {0}};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			a->label = optarg;
			break;
		case 't':
			if (parse_time(optarg, &a->timeout_ns))
				break;
			fprintf(stderr,
			        "outlive: --timeout: '%s' is not a time such as 500ms, 30s, 2m\n",
			        optarg);
			return EXIT_USAGE;
		case 'h':
			fputs(usage, stdout);
			return EXIT_CLEAN;
		default:
			fputs("Try `outlive snapshot --help`.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return -1;
	fputs("outlive: snapshot of which process? Name its pid; see `outlive snapshot --help`.\n",
	      stderr);
	return EXIT_USAGE;
}

int cmd_snapshot(int argc, char **argv)
{
	struct ask a = {.label = "", .timeout_ns = UINT64_C(30000000000)};
	int status = parse(argc, argv, &a);

	if (status >= 0)
		return status;
	status = EXIT_CLEAN;
	for (int i = optind; i < argc; i++) {
		char *end, *path = NULL;
		struct err err = {{0}};
		long pid = strtol(argv[i], &end, 10);
		if (*end || end == argv[i] || pid < 1 || pid > INT32_MAX) {
			fprintf(stderr, "outlive: '%s' is not a pid\n", argv[i]);
			status = EXIT_USAGE;
			continue;
		}
		if (ask_one((pid_t)pid, &a, &path, &err)) {
			fputs("outlive: ", stderr);
			print_safe(stderr, err.text);
			fputc('\n', stderr);
			status = status ? status : EXIT_UNREADABLE;
			continue;
		}
		printf("%s\n", path);
		fflush(stdout);
		free(path);
	}
	return status;
}
