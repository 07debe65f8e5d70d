/*
 * kinds.h - threads, timers and descriptors beside the heap: grouped by where they were made, named
 * as leaks where they are some, held against an earlier snapshot. kinds.c.
 */
#ifndef OUTLIVE_KINDS_H
#define OUTLIVE_KINDS_H

#include "pipes.h"
#include "profile.h"
#include "rules.h"

enum object_kind { KIND_THREADS, KIND_TIMERS, KIND_FDS, N_KINDS };
extern const char *const kind_name[N_KINDS]; /* "threads" "timers" "fds" */

/* Why something is a leak. L(NAME, "name", meaning): worst first, within a kind. */
#define LEAKS(L)                                                                              \
	L(BLOCKED, "blocked", "waits for what no other thread can reach: it never goes on")   \
	L(UNJOINED, "unjoined", "ended, neither joined nor detached: its stack stays mapped") \
	L(RUNNING, "running", "still running at the end")                                     \
	L(UNREAD, "unread", "expires and nobody reads it")                                    \
	L(FIRING, "firing", "still armed with an interval at the end")                        \
	L(UNDELETED, "undeleted", "never deleted")                                            \
	L(DOUBLE_CLOSE, "double-close", "closed, though closed before")                       \
	L(FOREIGN_CLOSE, "foreign-close", "closed, though another part had opened it anew")   \
	L(OPEN, "open", "still open at the end")

#define LEAK_ENUM(name, text, meaning) LEAK_##name,
enum leak { LEAK_NONE, LEAKS(LEAK_ENUM) N_LEAKS };
#undef LEAK_ENUM
extern const char *const leak_name[N_LEAKS];    /* NULL for LEAK_NONE */
extern const char *const leak_meaning[N_LEAKS]; /* for a person */

/* The same things, made at the same place. */
struct group {
	enum object_kind kind;
	enum leak leak;
	uint32_t type;  /* FMT_TASK_*, FMT_TIMER_*, FMT_FD_*; of a bad close FMT_BAD_* */
	uint32_t flags; /* of descriptors: those that tell origins apart; of threads: all of one */
	bool bad_close;
	uint32_t stack;  /* where they were made; of a bad close: that close */
	uint32_t before; /* of a bad close: the close before it, or the opening that it hit */
	uint32_t start;  /* of threads: location of the start routine, or LOCATION_NONE */
	const struct rule *rule; /* says that it is known and harmless; NULL */
	uint64_t count, base;    /* now; in the snapshot before */
	uint32_t first, n;       /* item[first...]: indices into task[], timer[], fd[], fd_bad[] */
	uint64_t born_ns;        /* uptime when the oldest was made */
	uint64_t blocked_ns;     /* of threads: the longest wait among those that are not idle */
};

/* All groups of one kind: those that grew, then leaks, then the rest; most first. */
struct kind_table {
	struct group *group;
	size_t n, n_grown;
	uint32_t *item;
	uint64_t count, base; /* things, now and before: before focus and ignore; no bad closes */
	uint64_t leaks;       /* of those shown, that are leaks and that no rule excuses */
	uint64_t excused;     /* that a rule excuses */
	uint64_t gone;        /* things of groups of which fewer are left than before */
};

struct kinds {
	const struct snapshot *a, *b; /* a NULL: nothing to compare with */
	bool final; /* b is of the process's end: what is there then is left over */
	bool raw;
	struct kind_table table[N_KINDS];
	struct frames frames;
	struct row row;
	struct rule_work *work;
	/* By index into b->task: why that thread may wait (NULL: no rules); for how long it has
	 * been in one wait, at least, 0 not known. */
	const struct rule **idle;
	uint64_t *waited_ns;
	const struct kinds_older *older; /* as in the options */
	uint64_t older_idle;             /* threads that would have been shown, but are idle */
	struct pipes pipes;              /* of b */
};

/* Asks for threads that have been in one wait for so long, and are not idle; grouped by where they
 * wait, too. Zero but for least_ns: by a and b. kinds_waits.h fills in the rest. */
struct kinds_older {
	uint64_t least_ns;
	bool *unbroken;       /* by index into b->task: in that wait at all earlier moments, too */
	uint32_t n_snapshots; /* 0: not asked of several */
	uint64_t span_ns;     /* from the first of them to b */
};

struct kinds_options {
	const struct profile_options *profile; /* focus, ignore, raw */
	const struct rules *rules;             /* leaks that they excuse are none; or NULL */
	const struct kinds_older *older;       /* only threads that have waited so long; or NULL */
};

/* Groups what b holds; with a, equal groups of a are counted as `base`. Both symbolized, and alive
 * as long as *out. */
int kinds_make(const struct snapshot *a, const struct snapshot *b, const struct kinds_options *o,
               struct kinds **out, struct err *err);
void kinds_free(struct kinds *k);

/* What is there, for writers: a row a group, labelled with its type and leak; without bad closes.
 * profile_free() it before k. */
struct profile *kinds_profile(const struct kinds *k, enum object_kind kind);
/* A stack of k->b with its frames and its site, until the next call. */
const struct row *kinds_row(struct kinds *k, uint32_t stack);
/* +N since a; 0 when it did not grow, or there is no a. */
uint64_t group_growth(const struct kinds *k, const struct group *g);
/* Address space that the stacks of ended, unjoined threads hold. */
uint64_t group_stack_bytes(const struct kinds *k, const struct group *g);
/* ---- leaks.c ---- */

/* True when the process was at its end: exit, abort, a signal, exec. */
bool snapshot_is_final(const struct snapshot *s);
/* final: judged as at the process's end; exec: which was an exec. */
enum leak leak_of_task(const struct task *t, bool final);
/* The same, but a thread of s that itself has ended the process was not left running by it. */
enum leak leak_of_task_in(const struct snapshot *s, const struct task *t, bool final);
enum leak leak_of_timer(const struct timer *t, bool final);
enum leak leak_of_fd(const struct fd *f, bool final, bool exec);
bool timer_is_armed(const struct timer *t);
/* Threads, timers and descriptors that the tables had no room for. */
uint64_t kinds_lost(const struct snapshot *s);

/* Names of types: "socket", "timerfd", "running", "inherited" ... */
const char *group_type_text(const struct group *g);
const char *task_state_text(uint32_t state);
const char *timer_type_text(uint32_t kind);
const char *fd_type_text(uint32_t kind);
const char *fd_origin_text(uint32_t flags);
/* What is said of a descriptor with FMT_FD_FLAG_LIBC, and what rules match. */
extern const char fd_kept_by_libc[];
/* A function by its entry: "worker", "libfoo.so+0x1234"; NULL for LOCATION_NONE. Interned. */
const char *start_text(const struct snapshot *s, uint32_t location);

#endif
