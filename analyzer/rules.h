/*
 * rules.h - what is known to stay and harmless, and what a user has said is: rules.c. A rule is a
 * line of LeakSanitizer's suppressions, `leak:pattern`, or the same for `thread:`, `timer:`, `fd:`.
 *
 * A pattern is found anywhere in a text; '*' stands for any text, '^' and '$' for its ends. It is
 * held against the functions, the file and the module of each frame of the stack that made the
 * thing; for a thread against its start routine and its name, too, for a descriptor against what
 * it names. `idle:` speaks of threads that wait for work and are not stuck, and its patterns are
 * held against the stack in which the thread waits: idle.h.
 */
#ifndef OUTLIVE_RULES_H
#define OUTLIVE_RULES_H

#include "profile.h"

enum rule_kind { RULE_HEAP, RULE_THREAD, RULE_TIMER, RULE_FD, RULE_IDLE, N_RULE_KINDS };
/* "leak" "thread" "timer" "fd" "idle" */
extern const char *const rule_kind_name[N_RULE_KINDS];

/* Which frames must match. Lines of a file are one of the first four. */
enum rule_where {
	RULE_ANY,      /* some frame, or a name */
	RULE_FUNCTION, /* some frame's function: "fd:function=^open_log$" in a file */
	RULE_FILE,     /* some frame's source file: file= */
	RULE_MODULE,   /* some frame's module: module= */
	RULE_FIRST,    /* the innermost frame that is not libc's: who called malloc, strdup, open */
	RULE_CHAIN, /* patterns joined by '<': the innermost frame matches the first, its caller the
	             * second, and so on */
	/* Of the kind "idle" only; a pattern may be several, joined by '|'. */
	RULE_WAIT,  /* the kind of wait, a word of JSON: "epoll"; wait= in a file */
	RULE_WHOLE, /* all frames that are not libc's, and the stack is known to its end */
	RULE_NAMED  /* "name<pattern": the thread's name, and the first frame that is not libc's */
};
struct rule {
	enum rule_kind kind;
	enum rule_where where;
	const char *pattern;
	const char *reason; /* for a person; "" in a file */
	const char *origin; /* "built-in", or the file and the line that it is from */
};
struct rules {
	struct rule *at;
	size_t n;
	uint32_t cap;
};

void rules_add(struct rules *r, struct rule rule);
void rules_add_builtin(struct rules *r);
/*
 * rules_file.c: lines "kind:pattern", "kind:function=pattern", file=, module=, wait=; '#' begins a
 * comment. -1 with err that names file and line; nothing of the text is added then.
 */
int rules_add_file(struct rules *r, const char *path, struct err *err);
int rules_add_text(struct rules *r, const char *name, const char *text, size_t n, struct err *err);
/* "function=", "file=", "module=", "wait=", or "". */
const char *rule_prefix(enum rule_where where);
/* A line for a file, with its line feed: accepts what is made where `function` (or, where that is
 * NULL, any frame of `module`) has a part. Appended. */
void rules_write(struct str *s, enum rule_kind kind, const char *function, const char *module);
/* They may be in use until then. */
void rules_free(struct rules *r);

/* Why it says so: its reason, or where it is from. */
const char *rule_text(const struct rule *r);
bool rule_matches_text(const char *pattern, const char *text);
/* The same of a pattern that ends at `end`; of a frame: its functions, file or module, as where
 * says. */
bool rule_matches_part(const char *pattern, const char *end, const char *text);
bool rule_matches_location(const char *pattern, const char *end, enum rule_where where,
                           const struct snapshot *s, const struct location *loc);
bool rule_is_libc(const struct snapshot *s, uint32_t node);
/* The innermost frame from node on that is not libc's; node itself where there is none. */
uint32_t rule_behind_libc(const struct snapshot *s, uint32_t node);

/* Holds stacks of one snapshot against rules; remembers what it has found out. */
struct rule_work *rules_begin(const struct rules *r, const struct snapshot *s);
/* The first rule of that kind that matches, or NULL. start: a thread's, or LOCATION_NONE. name: of
 * the thread, or what the descriptor names; or NULL. */
const struct rule *rules_find(struct rule_work *w, enum rule_kind kind, uint32_t stack,
                              uint32_t start, const char *name);
void rules_end(struct rule_work *w);

#endif
