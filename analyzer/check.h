/*
 * check.h - the gate: what of a process's last snapshot is a finding. check.c (threads, timers,
 * descriptors, and whether there can be a verdict), check_heap.c and check_limits.c (the heap),
 * check_stack.c (stacks as findings keep them).
 */
#ifndef OUTLIVE_CHECK_H
#define OUTLIVE_CHECK_H

#include "check_rules.h"
#include "kinds.h"

enum check_heap {
	CHECK_HEAP_AUTO, /* lost blocks where the snapshot tells which are lost */
	CHECK_HEAP_LOST, /* no verdict where it does not */
	CHECK_HEAP_OFF
};

/* A limit of 0 is one, too: `given` says that there is one. */
struct check_limit {
	bool given;
	uint64_t most;
};

/* What a limit is for. */
enum check_per { CHECK_PER_PROCESS, CHECK_PER_STACK, CHECK_PER_TEST };

struct check_gates {
	enum check_heap heap;
	uint32_t leaks; /* a bit for each enum leak that is reported */
	uint32_t
	        growth; /* a bit for each finding_kind of which growth since the base is reported */
	enum check_per per;
	/* Bytes alive at the end, bytes at the highest, blocks ever made. Of a test: of what it has
	 * made itself, and the highest above what was there when it began. */
	struct check_limit residue, peak, allocs;
};
#define CHECK_LEAK(leak)   (UINT32_C(1) << (leak))
#define CHECK_BAD_CLOSES   (CHECK_LEAK(LEAK_DOUBLE_CLOSE) | CHECK_LEAK(LEAK_FOREIGN_CLOSE))
#define CHECK_GROWTH(kind) (UINT32_C(1) << (kind)) /* FINDING_* */
/* The leaks of a kind. */
uint32_t check_leaks_of(enum object_kind kind);
void check_gates_default(struct check_gates *g);
/* True when there is a limit. */
bool check_gates_limit(const struct check_gates *g);

struct check {
	struct check_gates gates;
	struct check_rules *rules;
	bool builtin; /* what outlive accepts of itself (check_system.c) */
	bool ended;   /* the processes have ended: who left no word of its end gives no verdict */
	/* Accept what programs of the system leave that the command has run on its way; `command`,
	 * a pid, is one of those only when it has run others. */
	bool accept_system, command_alone;
	uint64_t command;
};

/* Snapshots of one process. They need no names: they get them, where there is anything to be named.
 */
struct check_process {
	struct snapshot *last;
	struct snapshot *base; /* an earlier one, also of another run, for `growth`; or NULL */
	struct snapshot *peak; /* of the moment when its heap was at its highest; or NULL */
};
/* Adds what they show to f. -1 with err. */
int check_process(struct findings *f, const struct check *c, const struct check_process *p,
                  struct err *err);

/* ---- between the files of the check ---- */

struct check_work {
	struct findings *findings;
	const struct check *check;
	struct snapshot *a, *b, *peak;
	const struct rules *rules; /* those that hold for b */
	uint32_t process;          /* of b, in findings */
	bool system;               /* b is a program of the system that was run on the way */
};
/* True when lost blocks of this process are to be told. */
bool check_heap_asks_for_lost(const struct check_work *w);
/* Heap findings; b is named when check_heap_wants_names(). -1 with err. */
int check_heap(struct check_work *w, struct err *err);
bool check_heap_wants_names(const struct check_work *w);
/* check_tests.c: each test of w->b against the limits. -1 with err. */
int check_tests(struct check_work *w, struct err *err);
bool check_tests_want_names(const struct check_work *w);
/* check_limits.c: growth and limits, likewise. */
int check_limits(struct check_work *w, struct err *err);
bool check_limits_want_names(const struct check_work *w);
/* Adds a finding of the heap, made at a row of p; p NULL: of the whole process. */
void check_heap_report(struct check_work *w, const struct profile *p, size_t row,
                       struct finding *new);
/* Fills in frames, site and hash of `f` from a row that is written out; free(*frames) afterwards.
 */
void check_stack(struct finding *f, const struct row *r, struct finding_frame **frames);

/* check_system.c: true for a file of the distribution's, not of the user's own. */
bool check_is_system_path(const char *path);
/* True when b is a program of the system, and no interpreter of the user's scripts.
 */
bool check_is_system(const struct check_work *w);
/* The rule that accepts what was made at the row, of such a program, or of an interpreter's child
 * that was not taken down: unless a module that is not the system's has a part in it. NULL: none
 * does. The row is of b, and written out. */
const struct rule *check_system_rule(const struct check_work *w, enum finding_kind kind,
                                     const struct row *r);

#endif
