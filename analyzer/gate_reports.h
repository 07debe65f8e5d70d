/*
 * gate_reports.h - the reports for machines that a check was asked for: gate_reports.c.
 */
#ifndef OUTLIVE_GATE_REPORTS_H
#define OUTLIVE_GATE_REPORTS_H

#include "out_gate.h"

/* Zero is valid and empty. */
struct gate_reports {
	struct gate_report {
		const struct gate_format *format;
		const char *path; /* "-" stdout; NULL: where the format goes by itself */
	} at[8];
	size_t n;
	const char *root; /* --source-root; NULL: found */
};

/* OPT_PARSED: "FORMAT" or "FORMAT:FILE"; to: struct gate_reports. */
int gate_reports_parse(const char *value, void *to, struct err *err);
/* Writes them, each file whole or not at all. `o` needs no root. log: where a format goes that is
 * read from the log of a job. -1 with err: the first that could not be written; the others are. */
int gate_reports_write(const struct gate_reports *r, const struct findings *all,
                       const struct out_gate *o, FILE *log, struct err *err);

#endif
