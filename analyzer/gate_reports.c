/*
 * gate_reports.c - which reports, to where, and where the sources lie. Knows what CI systems set in
 * the environment; the writers do not.
 */
#include "gate_reports.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "write_file.h"

struct gate_format {
	const char *name;
	out_gate_writer *write;
	/* Without a file: the log, or a file that this variable names, which is added to. */
	bool to_log;
	const char *variable;
};
static const struct gate_format FORMATS[] = {
        {"json", out_gate_json, false, NULL},
        {"junit", out_gate_junit, false, NULL},
        {"sarif", out_gate_sarif, false, NULL},
        {"github", out_gate_github, true, NULL},
        {"markdown", out_gate_markdown, false, "GITHUB_STEP_SUMMARY"},
};
enum { N_FORMATS = sizeof(FORMATS) / sizeof(*FORMATS) };

int gate_reports_parse(const char *value, void *to, struct err *err)
{
	struct gate_reports *r = to;
	const char *colon = strchr(value, ':');
	size_t n = colon ? (size_t)(colon - value) : strlen(value);

	for (size_t i = 0; i < N_FORMATS; i++) {
		const struct gate_format *f = &FORMATS[i];
		if (strlen(f->name) != n || strncmp(f->name, value, n) != 0)
			continue;
		if (!f->to_log && !(colon && colon[1]) && !f->variable)
			return err_set(err, "--report %s wants a file: --report %s:FILE", f->name,
			               f->name);
		if (!(colon && colon[1]) && f->variable && !getenv(f->variable))
			return err_set(
			        err,
			        "--report %s wants a file, for %s is not set: --report %s:FILE",
			        f->name, f->variable, f->name);
		if (r->n == sizeof(r->at) / sizeof(*r->at))
			return err_set(err, "no more than %zu reports", r->n);
		r->at[r->n++] = (struct gate_report){f, colon && colon[1] ? colon + 1 : NULL};
		return 0;
	}
	return err_set(err, "--report is json, junit, sarif, github or markdown, not \"%.*s\"",
	               (int)n, value);
}

/* ---- where the sources lie ---- */

static bool has_git(const char *folder)
{
	char *path = xasprintf("%s/.git", folder);
	bool has = !access(path, F_OK);

	free(path);
	return has;
}

/* The repository that we stand in, else this folder. With a slash at its end; NULL: unknown. */
static char *find_root(const char *given)
{
	char here[PATH_MAX], up[PATH_MAX];

	if (!realpath(given ? given : ".", here))
		return NULL;
	memcpy(up, here, sizeof(up));
	for (; !given && *up; *strrchr(up, '/') = 0)
		if (has_git(up))
			return xasprintf("%s/", up);
	return xasprintf("%s%s", here, here[1] ? "/" : "");
}

/* ---- writing ---- */

struct job {
	const struct gate_report *report;
	const struct findings *all;
	const struct out_gate *o;
};

static int write_one(FILE *f, void *ctx, struct err *err)
{
	const struct job *job = ctx;

	return job->report->format->write(f, job->all, job->o, err);
}

static int add_to(const char *path, struct job *job, struct err *err)
{
	FILE *f = fopen(path, "ae");

	if (!f)
		return err_set(err, "%s: %s", path, strerror(errno));
	int rc = write_one(f, job, err);
	if (fclose(f) && !rc)
		return err_set(err, "%s: %s", path, strerror(errno));
	return rc;
}

int gate_reports_write(const struct gate_reports *r, const struct findings *all,
                       const struct out_gate *o, FILE *log, struct err *err)
{
	struct out_gate with = *o;
	char *root = r->n ? find_root(r->root) : NULL;
	struct err later;
	int rc = 0;

	with.root = root;
	for (size_t i = 0; i < r->n; i++) {
		const struct gate_report *report = &r->at[i];
		struct job job = {report, all, &with};
		struct err *to = rc ? &later : err;
		int failed;
		if (report->path)
			failed = write_file(report->path, write_one, &job, to);
		else if (report->format->to_log)
			failed = write_one(log, &job, to);
		else
			failed = add_to(getenv(report->format->variable), &job, to);
		rc = failed ? -1 : rc;
	}
	free(root);
	return rc;
}
