/*
 * opt.h - options and help of a verb, from one table: opt.c. Long options, also cut to what is
 * unambiguous;
 * `--name=value`, `--name value`, `-n 5`, `-n5`; options and operands in any order; `--` ends the
 * options.
 */
#ifndef OUTLIVE_OPT_H
#define OUTLIVE_OPT_H

#include "util.h"

enum opt_type {
	OPT_FLAG,  /* bool *to: set to true */
	OPT_TEXT,  /* const char **to */
	OPT_COUNT, /* struct opt_count *to */
	OPT_PARSED /* parse(value, to, err): 0 or -1 */
};
struct opt_count {
	uint64_t value;
	bool given;
};
struct opt {
	const char *name; /* NULL ends the table */
	char letter;      /* 0: none */
	enum opt_type type;
	void *to;
	const char *argument; /* as help names it; NULL for a flag */
	const char *help;     /* one line, or several joined by '\n' */
	int (*parse)(const char *value, void *to, struct err *err);
};
struct opt_verb {
	const char *verb;
	const char *synopsis; /* what follows the verb */
	const char *about;    /* lines */
	const char *examples; /* lines, each a command */
	int least, most;      /* operands */
	const char *operands; /* what to say when there are too few: "name two snapshots" */
	const struct opt *options;
};

/*
 * Reads argv[1]... Afterwards argv[1] ... argv[*argc - 1] are the operands alone. Returns -1 to go
 * on; else the exit status: EXIT_CLEAN after --help, EXIT_USAGE after a line on stderr.
 */
int opt_parse(const struct opt_verb *verb, int *argc, char **argv);
/*
 * For a verb that reads its command line otherwise: argv[*i] is "--name" or "--name=value". False
 * when no option has just that name; else it is read, *i stands at the last word that was used, and
 * *status is -1 to go on, or the exit status.
 */
bool opt_try(const struct opt_verb *verb, int argc, char **argv, int *i, int *status);
/* The lines of --help for the options alone, on f. */
void opt_print(const struct opt *options, FILE *f);

#endif
