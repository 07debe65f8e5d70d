/*
 * rules.h - what is known to stay and harmless, and what a user has said is: rules.c. A rule is a
 * line of LeakSanitizer's suppressions, `leak:pattern`, or the same for `thread:`, `timer:`, `fd:`.
 *
 * A pattern is found anywhere in a text; '*' stands for any text, '^' and '$' for its ends. It is
 * held against the functions, the file and the module of each frame of the stack that made the
 * thing; for a thread against its start routine and its name, too, for a descriptor against what
 * it names.
 */
#ifndef OUTLIVE_RULES_H
#define OUTLIVE_RULES_H

#include "profile.h"

enum rule_kind { RULE_HEAP, RULE_THREAD, RULE_TIMER, RULE_FD, N_RULE_KINDS };
extern const char *const rule_kind_name[N_RULE_KINDS]; /* "leak" "thread" "timer" "fd" */

/* Which frames must match. Lines of a file are ANY; the built-in rules also know narrower ways. */
enum rule_where {
	RULE_ANY,   /* some frame, or a name */
	RULE_FIRST, /* the innermost frame: who called malloc, pthread_create, open */
	RULE_CHAIN  /* patterns joined by '<': the innermost frame matches the first, its caller the
	             * second, and so on */
};
struct rule {
	enum rule_kind kind;
	enum rule_where where;
	const char *pattern;
	const char *reason; /* for a person; "" in a file */
	const char *origin; /* "built-in", or the file it is from */
};
struct rules {
	struct rule *at;
	size_t n;
	uint32_t cap;
};

void rules_add_builtin(struct rules *r);
/* A file of lines "kind:pattern"; '#' begins a comment. -1 with err that names file and line. */
int rules_add_file(struct rules *r, const char *path, struct err *err);
/* They may be in use until then. */
void rules_free(struct rules *r);

bool rule_matches_text(const char *pattern, const char *text);

/* Holds stacks of one snapshot against rules; remembers what it has found out. */
struct rule_work *rules_begin(const struct rules *r, const struct snapshot *s);
/* The first rule of that kind that matches, or NULL. start: a thread's, or LOCATION_NONE. name: of
 * the thread, or what the descriptor names; or NULL. */
const struct rule *rules_find(struct rule_work *w, enum rule_kind kind, uint32_t stack,
                              uint32_t start, const char *name);
void rules_end(struct rule_work *w);

#endif
