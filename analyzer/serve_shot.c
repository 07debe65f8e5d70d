/*
 * serve_shot.c - asks the process, in a job; opens what it wrote and takes the name away, so that
 * nothing is left whatever becomes of the server. liboutlive.so always writes into its own folder.
 */
#include "serve_shot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "profile.h"
#include "written.h"

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
	const struct target *target;
	pid_t parent;
	bool trim;
	uint64_t timeout_ns;
	int base; /* -1: none yet */
};

/* "same" or "other", then the path; or why there is none. */
static int ask(FILE *out, void *arg)
{
	const struct question *q = arg;
	struct target t = *q->target;
	struct ask a = {.label = "", .timeout_ns = q->timeout_ns, .trim = q->trim, .aside = true};
	struct snapshot *base = NULL, *now = NULL;
	struct err err = {{0}};
	char *path = NULL, name[40], new_name[40];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", q->base);
	if (ask_snapshot(t.pid, &a, &path, &err)) {
		fputs(err.text, out);
		return 1;
	}
	target_refresh(&t);
	int fd = written_open(&t, path, &err);
	bool alone = getppid() != q->parent;
	if (fd >= 0 && alone)
		unlink(path);
	if (fd < 0 || alone) {
		fputs(err.text, out);
		return 1;
	}
	snprintf(new_name, sizeof(new_name), "/proc/self/fd/%d", fd);
	bool same = q->base < 0 || load_snapshot_info(name, &base, &err) ||
	            load_snapshot_info(new_name, &now, &err) || snapshot_same_run(base, now);
	fprintf(out, "%s %s", same ? "same" : "other", path);
	return 0;
}

/* ---- what comes of it ---- */

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
	int fd = written_take(s->target, path + 1, err);
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
	struct question q = {.target = s->target,
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
