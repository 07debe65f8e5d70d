/*
 * ask.c - asks a live process for a snapshot (format.h, section 5), waits for the file, and tells
 * why when none comes.
 *
 * The process writes the file itself. Nothing here may harm it: no signal is sent that it has no
 * handler for, and what its control page says is read as another's text.
 */
#include "ask.h"

#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ask_thread.h"
#include "settings.h"
#include "target.h"

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

/* Who is awake sees the page at its next allocation; who has none is sent the signal late. */
enum { AWAKE_ROUNDS = 20 };

static bool signal_it(struct target *t, int number, bool late)
{
	pid_t tid = ask_thread(t, number);

	return (tid && !target_signal(t, tid, number, NULL)) ||
	       (late && !target_signal(t, 0, number, NULL));
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
 * The child that wrote has no exit signal, so an idle program does not see it end, and it would
 * stay a zombie until the next allocation: the signal makes the program look. Each interrupts a
 * system call of the program's, so no more than needed.
 */
static void reap_writer(struct target *t, int number)
{
	bool told = false;

	for (int round = 0; round < 100 && number; round++) {
		char state = target_child_state(t, "outlive-writer");
		if (!state)
			return;
		if (state == 'Z' && !told)
			told = signal_it(t, number, round >= AWAKE_ROUNDS);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

/* How long a process may take to make a heap call, the only place where it can trim. */
#define TRIM_WAIT_NS UINT64_C(3000000000)

static bool trim_pending(const struct target *t)
{
	return __atomic_load_n(&t->control->flags, __ATOMIC_ACQUIRE) & FMT_REQUEST_TRIM;
}

/* Not deliverable is no reason to give up: hooked calls look at the page, too. While it is to trim
 * a signal would only wake it for nothing. */
static bool wake(struct target *t, bool late)
{
	return t->control->signal_number && !trim_pending(t) &&
	       signal_it(t, (int)t->control->signal_number, late);
}

/* Posts the request, and wakes the process. Returns the request's number. */
static uint32_t post(struct target *t, struct ask *a, bool *woken)
{
	struct fmt_control *c = t->control;

	snprintf(c->label, sizeof c->label, "%s", a->label);
	c->trim_before = c->trim_after = 0;
	c->flags = (a->trim ? FMT_REQUEST_TRIM : 0u) | (a->reach ? FMT_REQUEST_REACH : 0u) |
	           (a->aside ? FMT_REQUEST_ASIDE : 0u);
	uint64_t left = a->timeout_ns / 2;
	a->trim_until_ns = now_ns() + (left < TRIM_WAIT_NS ? left : TRIM_WAIT_NS);
	uint32_t request = __atomic_add_fetch(&c->requested, 1, __ATOMIC_ACQ_REL);
	*woken = wake(t, false);
	return request;
}

/* It is idle: a snapshot without is better than none. */
static void give_up_trim(struct target *t, struct ask *a)
{
	uint32_t flags = __atomic_fetch_and(&t->control->flags, ~(uint32_t)FMT_REQUEST_TRIM,
	                                    __ATOMIC_ACQ_REL);

	if (flags & FMT_REQUEST_TRIM)
		a->trim_missed = true;
	wake(t, true);
}

/* What it has become by an exec that the library did not see has made another file. */
static bool is_replaced(const struct target *t)
{
	struct stat st;

	return !fstat(t->lock, &st) && !st.st_nlink;
}

/* A writer that was killed could not take its number off the page. */
static bool is_writing(struct target *t)
{
	if (!t->control->writer)
		return false;
	char state = target_child_state(t, "outlive-writer");
	return state && state != 'Z';
}

/* Until a request is answered. */
static int await(struct target *t, struct ask *a, struct err *err)
{
	struct fmt_control *c = t->control;
	int number = (int)c->signal_number;
	bool woken;
	uint32_t request = a->request = post(t, a, &woken);

	for (unsigned round = 0;; round++) {
		if ((int32_t)(__atomic_load_n(&c->completed, __ATOMIC_ACQUIRE) - request) >= 0)
			return 0;
		if (target_check_control(t, err))
			return -1;
		if (trim_pending(t) && now_ns() >= a->trim_until_ns)
			give_up_trim(t, a);
		if ((c->state == FMT_CONTROL_OFF || (round % 8 == 7 && is_replaced(t))) &&
		    target_refresh(t))
			return err_set(err,
			               "process %d (%s) has come to its end, or is becoming "
			               "another program",
			               (int)t->pid, t->comm);
		if ((round % 64 == 63 && !target_refresh(t)) || !pause_for(a, round))
			return explain_silence(t, a, number, err);
		/* It puts a request off while it writes another snapshot; idle, it would forget it.
		 */
		if (round % 64 == 63 && t->state == 'S' && !is_writing(t))
			wake(t, true);
		else if (!woken && !c->writer && round < AWAKE_ROUNDS * 2)
			woken = wake(t, round >= AWAKE_ROUNDS);
	}
}

static int ask_by_control(struct target *t, struct ask *a, char **path, struct err *err)
{
	struct fmt_control *c = t->control;

	if (lock_control(t, a, err))
		return -1;
	uint32_t failed = __atomic_load_n(&c->failed, __ATOMIC_ACQUIRE);
	if (await(t, a, err))
		return -1;
	a->rss_before = c->trim_before;
	a->rss_after = c->trim_after;
	reap_writer(t, (int)c->signal_number);
	/* Somebody else's, who is gone, may have failed meanwhile: its writer was killed, too. */
	bool has_failed = __atomic_load_n(&c->failed, __ATOMIC_ACQUIRE) != failed &&
	                  (!c->failed_request || c->failed_request == a->request + 1);
	*path = has_failed ? NULL : read_path(c);
	if (target_check_control(t, err))
		return -1;
	if (has_failed)
		return err_set(err, "process %d (%s): %.*s", (int)t->pid, t->comm,
		               (int)sizeof c->error - 1, c->error);
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
	char *escaped = settings_glob(folder), *found = NULL;
	char *pattern = xasprintf("%s/outlive.*.%d.*.snap", escaped, (int)pid);
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
	free(escaped);
	return found;
}

/* Waits for a file after number `before`. A fork's child has a page only after its first look: then
 * that way. */
static int await_file(struct target *t, struct ask *a, int number, unsigned before, char **path,
                      struct err *err)
{
	char *folder = guess_folder(t);
	int result = -1;

	for (unsigned round = 0;; round++) {
		unsigned after;
		*path = newest(folder, t->ns_pid, &after);
		if (*path && after > before) {
			result = 0;
			break;
		}
		free(*path);
		*path = NULL;
		if (round % 16 == 15 && !target_open_control(t, NULL)) {
			result = ask_by_control(t, a, path, err);
			break;
		}
		if (!pause_for(a, round)) {
			explain_silence(t, a, number, err);
			break;
		}
	}
	free(folder);
	return result;
}

static int ask_by_signal(struct target *t, struct ask *a, const struct err *why, char **path,
                         struct err *err)
{
	char *options = target_getenv(t, "OUTLIVE_OPTIONS"),
	     *given = settings_get(options, "signal");
	int number = given ? (int)strtol(given, NULL, 10) : 0, result = -1;
	char *folder = guess_folder(t);
	unsigned before;

	if (number < 1)
		number = SIGRTMAX - 4;
	free(newest(folder, t->ns_pid, &before));
	if (!signal_it(t, number, true)) {
		err_set(err,
		        "%.500s, and does not listen to signal %d (do `only` or `follow` leave it "
		        "out?)",
		        why->text, number);
	} else {
		result = await_file(t, a, number, before, path, err);
		/* The second of a pair: it waits for its writing child. */
		if (!t->control)
			signal_it(t, number, true);
	}
	free(folder);
	free(options);
	free(given);
	return result;
}

/*
 * A process that has just started makes its page in a moment. By the signal alone nobody could tell
 * which of several files is the answer to whom.
 */
static int open_page(struct target *t, struct err *why)
{
	const struct timespec moment = {.tv_nsec = 20000000};
	int page = target_open_control(t, why);

	for (int tries = 0; page && tries < 5; tries++) {
		nanosleep(&moment, NULL);
		page = target_open_control(t, why);
	}
	return page;
}

int ask_snapshot(pid_t pid, struct ask *a, char **path, struct err *err)
{
	struct target t;
	struct err why;
	char *written = NULL;
	int result = target_open(&t, pid, err);

	a->deadline_ns = now_ns() + a->timeout_ns;
	a->trim_missed = false;
	a->rss_before = a->rss_after = 0;
	if (result) {
		target_forget(pid);
		goto out;
	}
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
	int page = open_page(&t, &why);
	if (page && (a->trim || a->reach)) {
		err_set(err,
		        "process %d (%s) can only be signalled (%.500s): --%s cannot be asked for",
		        (int)pid, t.comm, why.text, a->trim ? "trim" : "reach");
		goto out;
	}
	result = !page ? ask_by_control(&t, a, &written, err)
	               : ask_by_signal(&t, a, &why, &written, err);
	if (!result)
		*path = target_path(&t, written);
out:
	progress(NULL, 0, 0);
	free(written);
	target_close(&t);
	return result;
}
