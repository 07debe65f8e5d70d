/*
 * out_gate.h - findings for machines: out_gate_json.c, out_gate_junit.c, out_gate_sarif.c,
 * out_gate_github.c (annotations, and a summary in Markdown).
 */
#ifndef OUTLIVE_OUT_GATE_H
#define OUTLIVE_OUT_GATE_H

#include "findings.h"

struct out_gate {
	int status;          /* the exit status that follows */
	const char *command; /* "run": how the command itself ended, a clause; NULL */
	/* Folder of the user's sources, with a slash at its end: files below it are named relative
	 * to it. NULL: unknown. */
	const char *root;
};

typedef int out_gate_writer(FILE *f, const struct findings *all, const struct out_gate *o,
                            struct err *err);
/* The document of DESIGN: verdict, findings, processes. Also of what was accepted. */
out_gate_writer out_gate_json;
/* JUnit's XML, as Jenkins and GitLab read it: a test case for each kind, one more for each finding.
 */
out_gate_writer out_gate_junit;
/* SARIF 2.1.0 (OASIS), one run. What was accepted is there as suppressed. */
out_gate_writer out_gate_sarif;
/* Workflow commands of GitHub Actions: one annotation a finding, on the line that made the thing.
 */
out_gate_writer out_gate_github;
/* Markdown as GitHub and GitLab render it. */
out_gate_writer out_gate_markdown;

/* path relative to o->root, or NULL when it is not below it. */
const char *out_gate_relative(const struct out_gate *o, const char *path);
/* The frame to point a person at: the first own one whose source file is known, below the root if
 * any is; else NULL. */
const struct finding_frame *out_gate_place(const struct out_gate *o, const struct finding *f);

#endif
