/*
 * job.c - see job.h. Owns the processes and their limits: of memory, of output, of time.
 */
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MOST (UINT64_C(512) << 20)
/* The address sanitizer's own tables are larger. */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_MOST UINT64_MAX
#else
#define MEMORY_MOST (UINT64_C(8) << 30)
#endif

enum { KEEP_MOST = 64 };

struct job {
	struct job *next;
	pid_t pid;
	int out;
	bool orphan;
	uint64_t end_ns;
	job_done *done;
	void *ctx;
};

uint64_t job_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* ---- in the new process ---- */

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* A client's connection that stays open here would not end when the server closes it. */
static void close_others(const int *keep, size_t n, int out)
{
	int sorted[KEEP_MOST + 1];
	unsigned from = 3;

	memcpy(sorted, keep, n * sizeof(*keep));
	sorted[n++] = out;
	qsort(sorted, n, sizeof(*sorted), by_number);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned)sorted[i] > from)
			close_range(from, (unsigned)sorted[i] - 1, 0);
		if ((unsigned)sorted[i] >= from)
			from = (unsigned)sorted[i] + 1;
	}
	close_range(from, ~0U, 0);
}

static void limit(int what, uint64_t most)
{
	struct rlimit r;

	if (getrlimit(what, &r))
		return;
	if (r.rlim_cur > most)
		r.rlim_cur = most;
	setrlimit(what, &r);
}

static void settle_in(const struct job_options *o, int out, pid_t parent)
{
	sigset_t none;

	/* Not in the terminal's foreground: Ctrl-C is for the server, which ends us in order. */
	setpgid(0, 0);
	if (!o->orphan) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			raise(SIGKILL);
	}
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_others(o->keep, o->n_keep, out);
	limit(RLIMIT_FSIZE, OUTPUT_MOST);
	limit(RLIMIT_DATA, MEMORY_MOST);
	limit(RLIMIT_CORE, 0);
}

static int run(job_body *body, void *arg, int out)
{
	FILE *f = fdopen(out, "w");
	int status = f ? body(f, arg) : 125;

	if (f && fclose(f))
		status = 125;
	return status;
}

/* ---- in ours ---- */

int jobs_start(struct jobs *j, job_body *body, void *arg, const struct job_options *o,
               job_done *done, void *ctx, struct err *err)
{
	pid_t parent = getpid();
	int out = memfd_create("outlive", MFD_CLOEXEC);

	if (out < 0 || o->n_keep > KEEP_MOST) {
		if (out >= 0)
			close(out);
		return err_set(err, "no file in memory can be made: %s", strerror(errno));
	}
	/* What stands in the buffers is ours to write. */
	fflush(NULL);
	pid_t pid = fork();
	if (!pid) {
		settle_in(o, out, parent);
		j->leave(run(body, arg, out));
	}
	if (pid < 0) {
		err_set(err, "no process can be made: %s", strerror(errno));
		close(out);
		return -1;
	}
	struct job *job = xcalloc(1, sizeof(*job));
	*job = (struct job){.next = j->first,
	                    .pid = pid,
	                    .out = out,
	                    .orphan = o->orphan,
	                    .end_ns = job_now_ns() + o->limit_ns,
	                    .done = done,
	                    .ctx = ctx};
	j->first = job;
	j->n++;
	return 0;
}

/* NULL, or one that has ended, taken out of the list. */
static struct job *take_ended(struct jobs *j, int *status)
{
	uint64_t now = job_now_ns();

	for (struct job **at = &j->first; *at; at = &(*at)->next) {
		struct job *job = *at;
		if (job->end_ns <= now)
			kill(job->pid, SIGKILL);
		if (waitpid(job->pid, status, WNOHANG) != job->pid)
			continue;
		*at = job->next;
		j->n--;
		return job;
	}
	return NULL;
}

/* One at a time: done() may start others. */
void jobs_collect(struct jobs *j)
{
	struct job *job;
	int status;

	while ((job = take_ended(j, &status))) {
		job->done(job->ctx, WIFEXITED(status) ? WEXITSTATUS(status) : -1, job->out);
		free(job);
	}
}

uint64_t jobs_next_limit(const struct jobs *j)
{
	uint64_t next = UINT64_MAX;

	for (const struct job *job = j->first; job; job = job->next)
		if (job->end_ns < next)
			next = job->end_ns;
	return next;
}

void jobs_end(struct jobs *j)
{
	struct job *next;

	for (struct job *job = j->first; job; job = next) {
		next = job->next;
		if (!job->orphan) {
			kill(job->pid, SIGKILL);
			waitpid(job->pid, NULL, 0);
		}
		close(job->out);
		free(job);
	}
	j->first = NULL;
	j->n = 0;
}
