/*
 * findings.h - what a check has found, over any number of processes, and whether that is a verdict:
 * findings.c. check.c fills it in from snapshots, out_check*.c and other writers read it. It owns
 * all that it holds, so that of hundreds of snapshots one at a time need be in memory; strings are
 * interned.
 */
#ifndef OUTLIVE_FINDINGS_H
#define OUTLIVE_FINDINGS_H

#include "rules.h"

enum finding_kind { FINDING_HEAP, FINDING_THREAD, FINDING_TIMER, FINDING_FD, N_FINDING_KINDS };
extern const char *const finding_kind_name[N_FINDING_KINDS]; /* "heap" "thread" "timer" "fd" */

/* One function of a stack; those that the compiler inlined are frames of their own. */
struct finding_frame {
	const char *function; /* NULL: no name known */
	const char *file;     /* NULL: not known */
	uint32_t line;        /* 0: not known */
	bool inlined;
	bool system;        /* the C library's, the loader's, an allocator's */
	const char *module; /* path; "" unknown */
	uint64_t address;   /* link-time; 0 for all but the last of what one address stands for */
};

/* In which processes a finding is, most of it first. */
struct finding_share {
	uint32_t process; /* index into findings.process */
	uint64_t count, bytes;
};

/*
 * The same thing, made at the same place. All that was found stands here, also what a rule or a
 * baseline accepts: writers skip those that finding_counts() says no of, or show them as accepted.
 */
struct finding {
	enum finding_kind kind;
	const char *why;     /* a word, stable: "lost", "unjoined", "open", "grew", "residue" ... */
	const char *meaning; /* the same as a phrase for a person */
	uint64_t count;      /* blocks, threads, timers, descriptors; of all processes */
	uint64_t bytes;      /* of the heap; address space of threads' stacks; else 0 */
	bool limited;        /* a budget was exceeded, */
	uint64_t limit;      /* of so many bytes or blocks */
	uint64_t base;       /* with a baseline or "grew": how many there were; else 0 */
	struct finding_frame *frame;      /* where it was made, innermost first; NULL: not known */
	uint32_t n_frames;                /* FINDING_FRAMES at most */
	uint32_t site;                    /* index of the first frame that is the user's own */
	bool cut;                         /* the stack had more frames */
	uint64_t stack;                   /* a hash of what same_frames() in findings.c compares */
	const char *start;                /* a thread's start routine; NULL */
	uint64_t held_blocks, held_bytes; /* of the heap: lost with it, and told with it */
	const char *words;       /* an example: "5: /etc/passwd", "every 1.0 s"; "" nothing */
	const struct rule *rule; /* accepts it; NULL. Lives as long as its rules */
	bool known;              /* the baseline accepts it */
	const char *test;        /* the test that leaked, NULL: not known */
	struct finding_share *share;
	uint32_t n_shares, cap_shares;
};
#define FINDING_FRAMES 64

/* A process image that was looked at. */
struct finding_process {
	uint64_t pid;
	const char *command, *exe, *cmdline;
	const char *path;    /* of the snapshot, NULL: there is none */
	const char *end;     /* "at exit", "by exec" ...: when it was looked at */
	const char *unclear; /* why this process gives no verdict, a clause; NULL: it does */
	uint64_t findings;   /* that count */
};

enum verdict { VERDICT_CLEAN, VERDICT_LEAKS, VERDICT_LOSSY };
extern const char *const verdict_name[]; /* "clean" "leaks" "lossy" */

/* Zero is valid and empty. */
struct findings {
	struct finding *at; /* after findings_finish(): what counts first, then by weight */
	size_t n, n_counted;
	struct finding_process *process;
	size_t n_processes;
	uint64_t n_quiet;  /* further processes that left nothing, and no snapshot */
	uint64_t n_unseen; /* and those that the library did not get into */
	uint64_t n_tests;  /* that have told their names, in processes that have a snapshot */
	enum verdict verdict;
	/* Sentences that concern the whole: a gate that could not be held, a command not seen. */
	const char **note;
	size_t n_notes;
	bool no_verdict; /* one of the notes, or a process, leaves the question open */
	struct findings_work *work;
};

/* True unless a rule or the baseline accepts it. */
bool finding_counts(const struct finding *f);
/* "outlive threads": the verb that shows more of a finding's kind. */
const char *finding_verb(const struct finding *f);

/* Returns its index. */
uint32_t findings_add_process(struct findings *f, const struct finding_process *p);
/* Adds what was found in a process: to an equal finding, or as a new one. Copies the frames.
 * new->share is not looked at. */
void findings_add(struct findings *f, const struct finding *new, uint32_t process);
/* A sentence; unclear: it leaves the verdict open. */
void findings_note(struct findings *f, bool unclear, const char *text);
/* Sorts, counts, and gives the verdict: leaks as soon as one counts, else lossy where something is
 * open, else clean. May be called again after `known` was set. */
void findings_finish(struct findings *f);
void findings_free(struct findings *f);

#endif
