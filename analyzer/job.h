/*
 * job.h - work that is done in a process of its own, whose output is a file in memory: job.c.
 *
 * What is read there are other people's files, it may take long, and what the analyzer interns
 * stays for the life of the process: so it is another process's life. It may run out of memory or
 * crash, and nothing happens but that its result is missing.
 */
#ifndef OUTLIVE_JOB_H
#define OUTLIVE_JOB_H

#include <signal.h>
#include <sys/types.h>

#include "util.h"

/* In the new process: writes its result, returns its status, 0 to 125. */
typedef int job_body(FILE *out, void *arg);
/* In ours: status of the body, -1 when it crashed, was killed or took too long. `out` is the file,
 * which the callee closes. */
typedef void job_done(void *ctx, int status, int out);

/* Zero, but for `leave`, is valid and empty. One thread: that is what makes fork() safe. */
struct jobs {
	struct job *first;
	unsigned n;
	void (*leave)(int status); /* ends the new process at once: for verbs to give */
};
struct job_options {
	const int *keep; /* descriptors that the body needs, all others are closed */
	size_t n_keep;
	uint64_t limit_ns; /* it is killed after that */
	bool orphan;       /* it goes on when we end: it has something to clear away */
};

/* -1 with err when there can be no process. */
int jobs_start(struct jobs *j, job_body *body, void *arg, const struct job_options *o,
               job_done *done, void *ctx, struct err *err);
/* After each SIGCHLD, and when a limit is over: calls done() for those that have ended. */
void jobs_collect(struct jobs *j);
/* When the next limit is over (CLOCK_MONOTONIC); UINT64_MAX: no job. */
uint64_t jobs_next_limit(const struct jobs *j);
/* Ends all but the orphans; done() is not called any more. */
void jobs_end(struct jobs *j);

uint64_t job_now_ns(void);

#endif
