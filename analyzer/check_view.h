/*
 * check_view.h - what `outlive check` and `outlive run --check` have in common: options, the
 * report, the exit status. check_view.c.
 */
#ifndef OUTLIVE_CHECK_VIEW_H
#define OUTLIVE_CHECK_VIEW_H

#include "check.h"
#include "folder.h"
#include "gate_reports.h"
#include "kind_view.h"

struct check_choice {
	struct check_gates gates;
	struct rule_choice rules;
	struct opt_count error_exitcode;
	bool explain;
	bool uses;        /* what the user's suppressions have accepted, one by one */
	const char *lsan; /* what was made of LSAN_OPTIONS; NULL: it is not set */
	const char *baseline, *generate; /* files; NULL: none */
	bool update_baseline, accept_new;
	struct gate_reports reports;
	bool json; /* in place of the text */
	struct view view;
};
void check_choice_default(struct check_choice *c);

/* OPT_PARSED: names joined by '+'; to: struct check_gates. */
int check_parse_heap(const char *value, void *to, struct err *err);
int check_parse_threads(const char *value, void *to, struct err *err);
int check_parse_timers(const char *value, void *to, struct err *err);
int check_parse_fds(const char *value, void *to, struct err *err);
int check_parse_per(const char *value, void *to, struct err *err);
/* to: struct check_limit. */
int check_parse_bytes(const char *value, void *to, struct err *err);
int check_parse_count(const char *value, void *to, struct err *err);

/* clang-format off */
#define CHECK_OPTIONS(c) \
	{"heap", 0, OPT_PARSED, &(c)->gates, "WHAT", \
	 "lost: blocks that nothing points to any more; growth: more than at the base; off", \
	 check_parse_heap}, \
	{"threads", 0, OPT_PARSED, &(c)->gates, "WHAT", \
	 "blocked+unjoined+running (default), growth, off", check_parse_threads}, \
	{"timers", 0, OPT_PARSED, &(c)->gates, "WHAT", \
	 "unread+firing+undeleted (default), growth, off", check_parse_timers}, \
	{"fds", 0, OPT_PARSED, &(c)->gates, "WHAT", \
	 "open (default), double-close, foreign-close, growth (joined by +), off", check_parse_fds}, \
	{"max-residue", 0, OPT_PARSED, &(c)->gates.residue, "SIZE", \
	 "a finding when more of the heap is in use at the end", check_parse_bytes}, \
	{"max-peak", 0, OPT_PARSED, &(c)->gates.peak, "SIZE", \
	 "a finding when more of it was in use at its highest", check_parse_bytes}, \
	{"max-allocs", 0, OPT_PARSED, &(c)->gates.allocs, "N", \
	 "a finding when more blocks were allocated", check_parse_count}, \
	{"per", 0, OPT_PARSED, &(c)->gates, "WHAT", \
	 "limits are for each process (default), stack or test", check_parse_per}, \
	RULE_OPTIONS(&(c)->rules), \
	{"explain", 0, OPT_FLAG, &(c)->explain, NULL, \
	 "what was found and accepted, and by which rule", NULL}, \
	{"baseline", 0, OPT_TEXT, &(c)->baseline, "FILE", \
	 "accept what it knows; new and larger findings count", NULL}, \
	{"update-baseline", 0, OPT_FLAG, &(c)->update_baseline, NULL, \
	 "take out of it what no longer occurs", NULL}, \
	{"accept-new", 0, OPT_FLAG, &(c)->accept_new, NULL, \
	 "put into it what it does not know, and make it where there is none", NULL}, \
	{"generate-suppressions", 0, OPT_TEXT, &(c)->generate, "FILE", \
	 "write lines for --suppressions that would accept what was found; - is stdout", NULL}, \
	{"report", 0, OPT_PARSED, &(c)->reports, "FORMAT:FILE", \
	 "json, junit, sarif, github (to the log) or markdown (to GitHub's summary, if no\n" \
	 "file is named); may be given several times", gate_reports_parse}, \
	{"source-root", 0, OPT_TEXT, &(c)->reports.root, "DIR", \
	 "reports name files relative to it (default: the git repository around us)", NULL}, \
	{"error-exitcode", 0, OPT_COUNT, &(c)->error_exitcode, "N", \
	 "the exit status for findings (1)", NULL}, \
	{"rows", 'n', OPT_COUNT, &(c)->view.n, "N", "findings at most; 0: all (10)", NULL}, \
	VIEW_OPT_WIDE(&(c)->view, "whole stacks, whole paths"), \
	{"no-cache", 0, OPT_FLAG, &view_no_cache, NULL, \
	 "look all names up anew, and leave ~/.cache/outlive alone", NULL}, \
	VIEW_OPT_COLOR(&(c)->view)
/* clang-format on */

/* After the options were read: which stream is a terminal decides colour and width. -1 with err
 * when they do not go together. */
int check_choice_ready(struct check_choice *c, FILE *to, struct err *err);
/* Before a command runs for an hour: is what it will be held against readable? -1 with err. */
int check_files_look(const struct check_choice *c, struct err *err);
/* Loads and judges one image; of growth the base is `base`, or (NULL) its first snapshot. -1 with
 * err. */
int check_image(struct findings *f, const struct check *c, const char *base,
                const struct folder_image *image, struct err *err);
/* When all is found: baseline, verdict, suppressions (check_files.c). -1 with err. */
int check_finish(struct findings *f, const struct check_choice *c, struct err *err);
/* After check_finish(). */
int check_status(const struct findings *f, const struct check_choice *c);
/* Writes them. command: how the command of `run` ended, a clause; NULL. status: the exit status
 * that follows. */
int check_report(FILE *to, const struct findings *f, const struct check_choice *c,
                 const struct rules *rules, const char *command, int status, struct err *err);

#endif
