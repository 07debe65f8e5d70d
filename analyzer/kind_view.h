/*
 * kind_view.h - what the verbs threads, timers and fds have in common: kind_view.c.
 */
#ifndef OUTLIVE_KIND_VIEW_H
#define OUTLIVE_KIND_VIEW_H

#include "kinds.h"
#include "view.h"

/* Built-in rules unless `no_builtin`, then those of files. */
enum { RULE_FILES = 32 };
struct rule_choice {
	bool no_builtin;
	const char *file[RULE_FILES];
	unsigned n_files;
};
/* OPT_PARSED: one more file; to: struct rule_choice. */
int rule_choice_add_file(const char *value, void *to, struct err *err);
int rule_choice_load(const struct rule_choice *c, struct rules *rules, struct err *err);
/* clang-format off */
#define RULE_OPTIONS(c) \
	{"no-builtin", 0, OPT_FLAG, &(c)->no_builtin, NULL, \
	 "excuse nothing as known and harmless (`outlive rules` lists what is)", NULL}, \
	{"suppressions", 0, OPT_PARSED, (c), "FILE", \
	 "excuse what its lines name, too: leak:, thread:, timer:, fd: PATTERN; may be\n" \
	 "given several times", rule_choice_add_file}
/* clang-format on */

/* A whole verb: about and examples are its help. Returns the exit status. */
int kind_view(int argc, char **argv, enum object_kind kind, const char *about,
              const char *examples);

#endif
