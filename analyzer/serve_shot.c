/*
 * serve_shot.c - asks the process, in a job; opens what it wrote and takes the name away, so that
 * nothing is left whatever becomes of the server. liboutlive.so always writes into its own folder.
 *
 * The process says where its file is, and we may be root: nothing is removed but a file of its user
 * that is named as a snapshot of it.
 */
#include "serve_shot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ask.h"
#include "profile.h"

#define SECOND     UINT64_C(1000000000)
#define FIRST_GAP  (10 * SECOND)
#define ASK_MARGIN (10 * SECOND)

struct shot *shot_hold(struct shot *s)
{
	if (s)
		s->refs++;
	return s;
}

void shot_drop(struct shot *s)
{
	if (!s || --s->refs)
		return;
	close(s->fd);
	free(s);
}

/* ---- the job ---- */

struct question {
	pid_t pid, parent;
	bool trim;
	uint64_t timeout_ns;
	int base; /* -1: none yet */
};

/* "same" or "other", then the path; or why there is none. */
static int ask(FILE *out, void *arg)
{
	const struct question *q = arg;
	struct ask a = {.label = "", .timeout_ns = q->timeout_ns, .trim = q->trim, .aside = true};
	struct snapshot *base = NULL, *now = NULL;
	struct err err = {{0}};
	char *path = NULL, name[40];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", q->base);
	if (ask_snapshot(q->pid, &a, &path, &err)) {
		fputs(err.text, out);
		return 1;
	}
	if (getppid() != q->parent) {
		unlink(path);
		return 1;
	}
	bool same = q->base < 0 || load_snapshot_info(name, &base, &err) ||
	            load_snapshot_info(path, &now, &err) || snapshot_same_run(base, now);
	fprintf(out, "%s %s", same ? "same" : "other", path);
	return 0;
}

/* ---- what comes of it ---- */

/* outlive.<command>.<pid>.<number>.snap */
static bool is_named_for(const char *path, pid_t pid)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *middle = xasprintf(".%d.", (int)pid);
	size_t n = strlen(name), digits;
	const char *at = NULL;

	for (const char *next = strstr(name, middle); next; next = strstr(next + 1, middle))
		at = next + strlen(middle);
	digits = at ? strspn(at, "0123456789") : 0;
	free(middle);
	return !strncmp(name, "outlive.", 8) && n > 13 && digits && !strcmp(at + digits, ".snap");
}

/* The file without its name. -1 with err. */
static int adopt(const struct target *t, const char *path, struct err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    (st.st_uid != t->uid && st.st_uid != t->euid) || !is_named_for(path, t->ns_pid)) {
		close(fd);
		return err_set(err, "process %d (%s) names a file that is no snapshot of its own",
		               (int)t->pid, t->comm);
	}
	unlink(path);
	return fd;
}

static void forget(struct shots *s)
{
	for (unsigned i = 0; i < s->n_moments; i++)
		shot_drop(s->moment[i]);
	s->n_moments = 0;
	s->moment_gap_ns = FIRST_GAP;
	shot_drop(s->base);
	s->base = NULL;
}

/* The time line keeps few of them, further apart the longer it is. */
static void remember(struct shots *s, struct shot *shot)
{
	if (s->n_moments && shot->at_ns < s->moment[s->n_moments - 1]->at_ns + s->moment_gap_ns)
		return;
	if (s->n_moments == SERVE_MOMENTS) {
		for (unsigned i = 0; i < SERVE_MOMENTS; i++) {
			if (i % 2)
				shot_drop(s->moment[i]);
			else
				s->moment[i / 2] = s->moment[i];
		}
		s->n_moments = SERVE_MOMENTS / 2;
		s->moment_gap_ns *= 2;
	}
	s->moment[s->n_moments++] = shot_hold(shot);
}

static struct shot *take(struct shots *s, const char *text, struct err *err)
{
	const char *path = strchr(text, ' ');
	bool other = !strncmp(text, "other", 5);

	if (!path)
		return err_set(err, "no snapshot came"), NULL;
	target_refresh(s->target);
	int fd = adopt(s->target, path + 1, err);
	if (fd < 0)
		return NULL;
	struct shot *shot = xcalloc(1, sizeof(*shot));
	*shot = (struct shot){.fd = fd, .at_ns = s->asked_ns, .trimmed = s->asking_trim, .refs = 1};
	if (other)
		forget(s);
	if (!s->base)
		s->base = shot_hold(shot);
	else
		remember(s, shot);
	shot_drop(s->last);
	s->last = shot;
	return shot;
}

static void answered(void *ctx, int status, int out)
{
	struct shots *s = ctx;
	struct err err = {{0}};
	char text[8192] = "";
	struct shot *shot = NULL;
	bool trim = s->asking_trim;
	ssize_t n = pread(out, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	close(out);
	s->asking = false;
	if (!status)
		shot = take(s, text, &err);
	else if (status == 1 && *text)
		err_set(&err, "%.1000s", text);
	else
		err_set(&err, "process %d (%s): asking for a snapshot failed", (int)s->target->pid,
		        s->target->comm);
	s->arrived(s->ctx, trim, shot, &err);
}

int shots_ask(struct shots *s, bool trim, struct err *err)
{
	if (s->asking)
		return 0;
	struct question q = {.pid = s->target->pid,
	                     .parent = getpid(),
	                     .trim = trim,
	                     .timeout_ns = s->timeout_ns,
	                     .base = s->base ? s->base->fd : -1};
	struct job_options o = {.keep = &q.base,
	                        .n_keep = s->base != NULL,
	                        .limit_ns = s->timeout_ns + ASK_MARGIN,
	                        .orphan = true};

	s->asked_ns = job_now_ns();
	s->asking_trim = trim;
	if (!s->moment_gap_ns)
		s->moment_gap_ns = FIRST_GAP;
	if (jobs_start(s->jobs, ask, &q, &o, answered, s, err))
		return -1;
	s->asking = true;
	return 0;
}

struct shot *shots_fresh(struct shots *s, bool trim, uint64_t since)
{
	if (!s->last || s->last->at_ns < since || (trim && !s->last->trimmed))
		return NULL;
	return shot_hold(s->last);
}

void shots_free(struct shots *s)
{
	forget(s);
	shot_drop(s->last);
	s->last = NULL;
}
