/*
 * profile.h - the model that every verb works on: what one snapshot file holds, loaded and (on
 * request) symbolized; and the differences of two. load.c fills it in, profile.c groups, sorts,
 * subtracts; cmd_* and out_* read it.
 */
#ifndef OUTLIVE_PROFILE_H
#define OUTLIVE_PROFILE_H

#include "../preload/format.h"
#include "util.h"

/* Go's heap profile: these four, in this order. */
enum column { ALLOC_OBJECTS, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE, N_COLUMNS };
extern const char *const column_name[N_COLUMNS]; /* "alloc_objects" ... */
extern const char *const column_unit[N_COLUMNS]; /* "count" or "bytes" */
/* By its name; -1 with err, which names them all. */
int column_parse(const char *name, enum column *out, struct err *err);

struct module {
	const char *path;     /* interned; "" when unknown */
	const char *build_id; /* lower-case hex, "" when it has none */
	uint64_t start, end, bias, text_start, text_offset;
	uint64_t loaded_ns, unloaded_ns;
	uint32_t flags;   /* FMT_MODULE_* */
	const char *file; /* where it can be opened, of a live process; NULL: at its path */
};
/* The last part of its path; "" for the module "none". */
const char *module_basename(const struct module *m);
/* What two snapshots call one module that must not be told apart by its version, interned:
 * "libfoo.so.1.2" is "libfoo.so". */
const char *module_family(const struct module *m);

/* One source line of a location. Strings are interned; NULL when unknown. */
struct line {
	const char *function; /* demangled, with parameters cut: what a person reads; "module+0x12"
	                         never stands here */
	const char
	        *linkage; /* as in the symbol table (mangled), for matching; equals function in C */
	const char *file; /* as in DWARF, made absolute with the compile folder */
	uint32_t number;
	uint32_t start; /* first line of the function, 0 unknown */
};

/* An address in a module, with the functions inlined there: line[0] is the innermost. Each is there
 * once. */
struct location {
	uint32_t module;  /* index into module[], 0 is a module of its own for "none" */
	uint32_t flags;   /* FMT_NODE_* */
	uint64_t address; /* link-time (run-time when module is 0) */
	uint32_t n_lines; /* 0 until symbolized, and where nothing is known */
	struct line *line;
};

/*
 * The tree of stacks. From a node the parents lead outwards; 0 is the end. A parent's number is
 * below its child's. Frames of liboutlive.so itself are left out: no parent is one. Stacks are
 * never stored as arrays: a file of a few MB can hold a tree whose stacks, written out, would take
 * hundreds of GB.
 */
struct node {
	uint32_t parent, location;
};

/* A distinct stack: `n` frames from `node` outwards. */
struct stack {
	uint32_t n;
	uint32_t node;
};

/* A histogram: bins in ascending order, none empty. Most of a large snapshot is these. */
struct histogram {
	uint32_t n, cap; /* cap 0: the bins are another's, not to be written to */
	struct bin {
		uint64_t bucket : 10, blocks : 54; /* of blocks at most BIN_MOST are known */
		uint64_t bytes;
	} * at;
};
#define BIN_MOST ((UINT64_C(1) << 54) - 1)

/* What a scan of all that the program can reach says of some live blocks: FMT_REACH_*, 0 unknown.
 */
struct reach {
	uint64_t blocks[FMT_REACH_CLASSES], bytes[FMT_REACH_CLASSES];
	uint32_t owner; /* stack of the lost blocks that hold most of the indirectly lost; 0 none */
	uint64_t owned; /* blocks that spoke for it */
};

struct sample {
	uint32_t stack;                 /* index into stack[] */
	uint32_t thread : 30, kind : 2; /* index into thread[], 0 unknown; FMT_KIND_* */
	int64_t value[N_COLUMNS]; /* by threads in-use may be negative: another thread gave the
	                             blocks back */
	uint64_t temporary;
	uint64_t live_blocks; /* as the live table has them: made by this thread */
	uint64_t size_min, size_max;
	struct histogram lifetimes; /* of freed blocks, fmt_age_bucket() with bucket 0; no bytes */
	struct histogram ages;      /* of live blocks, fmt_fine_bucket() */
	struct reach *reach;        /* NULL: no scan, or it has seen none of them */
};
/* What a sample has freed: blocks, bytes. */
static inline uint64_t sample_frees(const struct sample *s)
{
	return (uint64_t)(s->value[ALLOC_OBJECTS] - s->value[INUSE_OBJECTS]);
}
static inline uint64_t sample_bytes_freed(const struct sample *s)
{
	return (uint64_t)(s->value[ALLOC_SPACE] - s->value[INUSE_SPACE]);
}

/* Of a sample in a sampled snapshot: what its figures rest on. Objects, then bytes. */
struct sampled {
	uint64_t made, freed; /* blocks that were recorded */
	double variance_made[2], variance_freed[2];
};

struct thread_group {
	uint32_t tid, n_threads;
	const char *name;
};

/*
 * Threads, timers, descriptors. `stack` is an index into stack[] and says where it was made; times
 * are ns of uptime. Serial numbers of threads need not be in the file: most threads are given back.
 */
#define LOCATION_NONE UINT32_MAX
struct task {
	uint64_t serial, creator;   /* creator: 0 unknown */
	uint32_t tid, state, flags; /* FMT_TASK_*, FMT_TASK_FLAG_* */
	uint32_t stack;
	uint32_t start;  /* location of its start routine, or LOCATION_NONE */
	uint32_t thread; /* index into thread[], 0 none */
	uint32_t stuck;  /* index into stuck[] plus 1, 0 not known to be */
	uint32_t wait;   /* index into wait[] plus 1, 0: it ran, or nobody knows */
	uint64_t born_ns, ended_ns, cpu_ns, stack_bytes; /* ended_ns 0: it lives */
	const char *name;
};
struct stuck {             /* a thread that will never go on, and the proof */
	uint32_t tid, how; /* FMT_STUCK_* */
	uint32_t stack;    /* where it waits */
	uint32_t joins;    /* tid of the thread that it waits for, or 0 */
	uint32_t made;     /* stack of the block that holds what it waits on, or 0 */
	uint64_t address, offset, bytes;
};
struct wait { /* what a living thread did in the kernel */
	uint32_t tid;
	uint32_t call; /* number of the system call plus 1; 0 not told */
	uint64_t switches, args[6], word[2];
	const char *kernel;           /* the kernel's function, where no call is told; "" */
	uint32_t stack;               /* where it waits; 0 not known */
	bool idle_known, interrupted; /* interrupted: it is the thread that took the snapshot */
	uint64_t idle_ns;             /* since it ran last */
};
/* With the option trace: a thread, alive or given back long ago, and its latest waits. */
struct traced {
	uint64_t serial,
	        creator;       /* serial: of its task; where that is unknown, one that none has */
	uint32_t tid, flags;   /* FMT_TASK_FLAG_* */
	uint32_t stack, start; /* where it was made; LOCATION_NONE */
	uint64_t born_ns, ended_ns, cpu_ns; /* cpu_ns: of an ended one */
	uint64_t waits;                     /* that it has ended: as many as are kept, or more */
	uint64_t brief, brief_ns;
	const char *name;       /* of an ended one, else "" */
	uint32_t span, n_spans; /* index into span[] */
};
struct span {
	uint32_t thread, kind; /* index into traced[]; FMT_SPAN_*, or what a later version has */
	uint32_t other;
	uint32_t stack; /* where it waits */
	uint64_t object, begin_ns, length_ns;
	bool is_open; /* it waits still; length_ns is 0 */
	bool is_left; /* by longjmp, or cancelled; it was over by then, or before */
};
struct task_sum { /* threads that ended and were given back */
	uint32_t stack, start;
	uint64_t count, joined, detached, cpu_ns, life_ns;
};
/* A span of time that the program has named. */
struct test {
	uint64_t begin_ns, end_ns; /* uptime; end 0: it goes on */
	const char *name;          /* "": a checkpoint */
	struct test_grown {
		uint32_t stack;
		uint64_t blocks, bytes;
	} * grown; /* made in it, and there still */
	uint32_t n_grown;
	uint32_t *fd; /* descriptors' numbers, ascending */
	uint32_t n_fds;
};
/* How much of the heap a test has used. */
struct test_sum {
	uint64_t begin_ns, end_ns; /* as in struct test */
	const char *name;
	uint64_t allocs;                  /* blocks made */
	uint64_t left_blocks, left_bytes; /* of them, there at its end */
	uint64_t peak;                    /* bytes above its beginning */
};
struct fd {
	uint32_t fd, kind, flags; /* FMT_FD_*, FMT_FD_FLAG_* */
	uint32_t stack;
	uint64_t task; /* serial of the thread that opened it */
	uint64_t born_ns;
	const char *names; /* what it is now */
};
struct fd_sum {
	uint32_t stack, kind;
	uint64_t opened, closed;
};
struct fd_bad {
	uint32_t what, fd; /* FMT_BAD_* */
	uint32_t stack;    /* of this close */
	uint32_t before;   /* of the close before, or of the opening that was hit */
	uint64_t count, last_ns;
};
struct timer {
	uint32_t kind, flags; /* FMT_TIMER_*, FMT_TIMER_FLAG_* */
	uint64_t id;
	uint32_t stack;
	uint64_t task, born_ns;
	uint64_t interval_ns, remaining_ns, expirations;
	uint32_t fd, notify, signal; /* fd and notify: plus 1; 0 none */
};
struct timer_sum {
	uint32_t stack, kind;
	uint64_t created, deleted;
};

enum { INFO_KEYS = 128, AUDIT_KEYS = 64 };
struct info {
	uint64_t u[INFO_KEYS];    /* by FMT_INFO_* < 128; 0 when absent */
	const char *s[INFO_KEYS]; /* by FMT_INFO_* - 128; "" when absent. CMDLINE: arguments joined
	                             by blanks, quoted where needed */
};
#define INFO_S(info, key) ((info)->s[FMT_INFO_##key - 128])
#define INFO_U(info, key) ((info)->u[FMT_INFO_##key])

struct snapshot {
	const char *path; /* as given */
	unsigned major, minor;
	uint64_t file_bytes;
	struct info info;
	uint64_t audit[AUDIT_KEYS]; /* by FMT_AUDIT_* */
	bool has_audit[AUDIT_KEYS];
	struct module *module;
	uint32_t n_modules; /* [0] is the module "none" */
	struct location *location;
	uint32_t n_locations;
	struct node *node;
	uint32_t n_nodes; /* [0] is the end of every stack */
	struct stack *stack;
	uint32_t n_stacks; /* [0] is the empty stack: unknown */
	struct sample *sample;
	uint32_t n_samples;      /* by stack, kind and thread */
	struct sampled *sampled; /* [n_samples]; NULL: every event was counted */
	struct thread_group *thread;
	uint32_t n_threads; /* [0] unknown */
	struct task *task;
	struct stuck *stuck;
	struct wait *wait;
	struct traced *traced;
	struct span *span; /* by thread and beginning */
	uint32_t n_traced, n_spans;
	struct task_sum *task_sum;
	struct fd *fd;
	struct fd_sum *fd_sum;
	struct fd_bad *fd_bad;
	struct timer *timer;
	struct timer_sum *timer_sum;
	struct test *test;
	struct test_sum *test_sum;
	uint32_t n_tests, n_test_sums;
	uint32_t n_tasks, n_stucks, n_waits, n_task_sums, n_fds, n_fd_sums, n_fd_bads, n_timers,
	        n_timer_sums;
	struct pool pool; /* for what lives as long as the snapshot: histograms, lines */
};

/* FMT_SCAN_* of the snapshot, 0: no scan was asked for. */
#define snapshot_scan(s) INFO_U(&(s)->info, REACH)

/* load.c: the one parser. Validates every length; memory at most a few times the file. *out is NULL
 * on error. */
int load_snapshot(const char *path, struct snapshot **out, struct err *err);
int load_snapshot_mem(const void *data, size_t n, const char *name, struct snapshot **out,
                      struct err *err);
/* Who and when only: info, and that the file is whole; the tables stay empty. */
int load_snapshot_info(const char *path, struct snapshot **out, struct err *err);
void snapshot_free(struct snapshot *s);
/* True when both are of one run of one program, so that "since A" has a meaning. */
bool snapshot_same_run(const struct snapshot *a, const struct snapshot *b);
/* FMT_FAMILY_*, one of them: `families` did not leave it out. */
bool snapshot_records(const struct snapshot *s, uint64_t family);
/* Events that are missing in the tables, all reasons: a verdict cannot stand on them when it is not
 * 0. */
uint64_t snapshot_lost(const struct snapshot *s);

/* ---- profile.c ---- */

/* A row of a table: one distinct stack (threads and, in a diff, equal stacks by meaning summed). */
struct row {
	uint8_t kind;
	bool churn;
	bool noise;     /* profile_options.fold_noise: its value is inside the sampling error */
	bool matched;   /* a diff: no frame of it is nameless in a module that the two do not
	                   share */
	uint32_t stack; /* index into its snapshot's stack[] */
	const struct snapshot
	        *snapshot; /* that stack and frames are of: b, or a where b has none */
	uint32_t number;   /* whatever its rank: profile_row_number() */
	/* Filled in by profile_row(): */
	uint32_t n_frames;
	const struct location *const *frame; /* innermost first */
	uint32_t site_frame; /* index into frame[] of the first frame that is the user's own
	                        (wrappers folded) */
	uint32_t site_line;  /* and into its line[] */

	int64_t value[N_COLUMNS]; /* a diff: B minus A */
	int64_t base[N_COLUMNS];  /* a diff: A's values */
	uint64_t frees, bytes_freed,
	        temporary;              /* a diff: since A (of B alone when they are of two runs) */
	uint64_t live_blocks;           /* in B's live table */
	uint64_t size_min, size_max;    /* of B; 0, 0 when it has made none */
	uint64_t base_size_max;         /* a diff: A's */
	struct histogram lifetimes;     /* a diff: of those freed since A */
	struct histogram ages;          /* live at B */
	struct reach *reach;            /* of those; NULL: nothing is known */
	const char *type, *leak, *idle; /* profile_of_counts(): labels, or NULL */
	uint64_t base_young; /* a diff: blocks live at A whose age at B could be mistaken for "born
	                        just after A" */
};
struct profile {
	const struct snapshot *a, *b; /* a NULL: not a diff */
	bool same_run;                /* a diff: "since A" has a meaning */
	bool swapped;                 /* a diff: of one run, and A is the later one: no churn */
	uint64_t since_ns;            /* from A to B; 0 unless same_run */
	struct row
	        *row; /* those that are neither first, then noise, then churn, each part ranked */
	size_t n_rows, n_noise, n_churn;  /* n_noise and n_churn are part of n_rows */
	struct estimate *estimate;        /* by row.number; NULL: no samples (estimate.h) */
	int64_t total[2][N_COLUMNS];      /* by FMT_KIND_*, before focus and ignore */
	int64_t base_total[2][N_COLUMNS]; /* a diff: A's */
	int64_t churn[N_COLUMNS];         /* sums of the rows that are churn */
	struct reach reach;               /* of B's heap, before focus and ignore; no owner */
	int64_t noise[N_COLUMNS];
	uint64_t unmatched; /* a diff: bytes allocated in stacks with nameless frames that could not
	                       be matched */
	uint32_t n_unmatched; /* rows of them */
	struct profile_work *work;
};
struct profile_options {
	const char *focus, *ignore; /* POSIX extended regular expressions over function names, files
	                               and modules; or NULL */
	const char *hide, *show_from; /* of the same kind, see hide.h */
	enum column sort;
	bool raw;        /* do not fold wrappers */
	bool samples;    /* profile_fate() will be asked */
	bool unchanged;  /* a diff: also the rows in which nothing changed */
	bool forget;     /* nobody will look at the samples again: their memory goes meanwhile */
	bool fold_noise; /* rank no row whose value is inside the sampling error */
};
/* One snapshot, ranked. s must be symbolized (symbolize.h); o->hide takes frames out of it. */
int profile_top(struct snapshot *s, const struct profile_options *o, struct profile **out,
                struct err *err);
/* b minus a, matched by meaning (build id and offset, else module and function), ranked, churn
 * marked. */
int profile_diff(struct snapshot *a, struct snapshot *b, const struct profile_options *o,
                 struct profile **out, struct err *err);
/*
 * A profile that is nothing but counts of stacks of s, for writers: rows as given, of which only
 * stack, value[INUSE_OBJECTS], type and leak are looked at. s must be symbolized.
 */
struct profile *profile_of_counts(const struct snapshot *s, const struct row *rows, size_t n,
                                  bool raw);
/*
 * Row i with its frames and its site. The frames stay until profile_row() is called for another
 * row: written out for all rows at once they could take any amount of memory.
 */
const struct row *profile_row(const struct profile *p, size_t i);
/*
 * For stacks that are in no profile: fills in frames and site of r, of which snapshot and stack are
 * set. They lie in *frames, which grows as needed; free(frames->at) it.
 */
struct frames {
	const struct location **at;
	uint32_t cap;
};
void row_write_out(struct row *r, bool raw, struct frames *frames);
/* The row.number of a sample's row (options.samples). */
#define PROFILE_NO_ROW UINT32_MAX
uint32_t profile_row_number(const struct profile *p, bool of_b, uint32_t sample);
/* What became of a sample, for who groups samples otherwise than by stack (options.samples). */
enum profile_fate { FATE_LEFT_OUT, FATE_ROW, FATE_CHURN };
enum profile_fate profile_fate(const struct profile *p, bool of_b, uint32_t sample);
void profile_free(struct profile *p);
/* Blocks and bytes that the row made since A (a top: ever). */
int64_t row_born(const struct profile *p, const struct row *r, enum column column);

/* ---- churn.c ---- */

/* True when what the row allocated since A is given back again, or still in flight: see churn.c. */
bool churn_is(const struct row *r, bool same_run, uint64_t since_ns);
/* Ages of the blocks that live; of a diff of one run, of those that were born since A. The bins are
 * the row's. */
struct histogram row_survivors(const struct profile *p, const struct row *r);
/* Bucket of the first age (in ticks) that may be taken for "born since A" though it was not, and up
 * to which A's blocks are to be summed into base_young. */
bool churn_is_young(uint32_t bucket, uint64_t since_ns);
/* The smallest lifetime bucket that holds at least `permille` of the blocks in it and below. */
uint32_t histogram_quantile(const struct histogram *h, unsigned permille);

/* ---- fold.c ---- */

/* True when a frame is an allocation wrapper (malloc, operator new, xmalloc, g_malloc, std::
 * internals ...). */
bool fold_is_wrapper(const struct line *line, const struct module *module);
/* True when all of a module's frames are a library's own business: libc, the loader, allocators,
 * libstdc++. */
bool fold_is_system(const struct module *module);

#endif
