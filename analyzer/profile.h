/*
 * profile.h - the model that every verb works on: what one snapshot file holds, loaded and (on request) symbolized;
 * and the differences of two. load.c fills it in, profile.c groups, sorts, subtracts; cmd_* and out_* read it.
 */
#ifndef OUTLIVE_PROFILE_H
#define OUTLIVE_PROFILE_H

#include "../preload/format.h"
#include "util.h"

/* Go's heap profile: these four, in this order. */
enum column { ALLOC_OBJECTS, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE, N_COLUMNS };
extern const char *const column_name[N_COLUMNS]; /* "alloc_objects" ... */
extern const char *const column_unit[N_COLUMNS]; /* "count" or "bytes" */

struct module {
	const char *path;     /* interned; "" when unknown */
	const char *build_id; /* lower-case hex, "" when it has none */
	uint64_t start, end, bias, text_start, text_offset;
	uint64_t loaded_ns, unloaded_ns;
	uint32_t flags; /* FMT_MODULE_* */
};

/* One source line of a location. Strings are interned; NULL when unknown. */
struct line {
	const char *function; /* demangled, with parameters cut: what a person reads; "module+0x12" never stands here */
	const char *linkage;  /* as in the symbol table (mangled), for matching; equals function in C */
	const char *file;     /* as in DWARF, made absolute with the compile folder */
	uint32_t number;
	uint32_t start; /* first line of the function, 0 unknown */
};

/* An address in a module, with the functions inlined there: line[0] is the innermost. */
struct location {
	uint32_t module;  /* index into module[], 0 is a module of its own for "none" */
	uint32_t flags;	  /* FMT_NODE_* */
	uint64_t address; /* link-time (run-time when module is 0) */
	uint32_t n_lines; /* 0 until symbolized, and where nothing is known */
	struct line *line;
};

/* A distinct stack: location indices, innermost first. Frames of liboutlive.so itself are left out by the loader. */
struct stack {
	uint32_t n;
	const uint32_t *location;
};

struct ages {	      /* of live blocks: fine buckets (format.h), ascending */
	uint32_t n;
	struct age {
		uint32_t bucket;
		uint64_t blocks, bytes;
	} *at;
};

struct sample {
	uint32_t stack; /* index into stack[] */
	uint32_t kind;	/* FMT_KIND_* */
	uint32_t thread; /* index into thread[], 0 unknown */
	int64_t value[N_COLUMNS];
	uint64_t frees, bytes_freed, temporary;
	uint64_t live_blocks, live_bytes; /* as the live table has them: made by this thread */
	uint64_t size_min, size_max;
	uint64_t lifetime[FMT_AGE_BUCKETS]; /* of freed blocks, all buckets, [0] worked out */
	struct ages ages;
};

struct thread_group {
	uint32_t tid, n_threads;
	const char *name;
};

struct info {
	uint64_t u[128];     /* by FMT_INFO_* < 128; 0 when absent */
	const char *s[128];  /* by FMT_INFO_* - 128; "" when absent. CMDLINE: arguments joined by blanks, quoted where needed */
};

struct snapshot {
	const char *path; /* as given */
	unsigned major, minor;
	uint64_t file_bytes;
	struct info info;
	uint64_t audit[64]; /* by FMT_AUDIT_* */
	bool has_audit[64];
	struct module *module;
	uint32_t n_modules; /* [0] is the module "none" */
	struct location *location;
	uint32_t n_locations;
	struct stack *stack;
	uint32_t n_stacks; /* [0] is the empty stack: unknown */
	struct sample *sample;
	uint32_t n_samples; /* one per (stack, kind, thread) */
	struct thread_group *thread;
	uint32_t n_threads; /* [0] unknown */
	void *arena;	    /* what the arrays live in */
};

/* load.c: the one parser. Validates every length; memory at most a few times the file. *out is NULL on error. */
int load_snapshot(const char *path, struct snapshot **out, struct err *err);
int load_snapshot_mem(const void *data, size_t n, const char *name, struct snapshot **out, struct err *err);
void snapshot_free(struct snapshot *s);

/* ---- profile.c ---- */

/* A row of a table: one distinct stack (threads and, in a diff, equal stacks by meaning summed). */
struct row {
	uint32_t kind;
	const struct location *const *frame; /* innermost first */
	uint32_t n_frames;
	uint32_t site_frame;   /* index into frame[] of the first frame that is the user's own (wrappers folded) */
	uint32_t site_line;    /* and into its line[] */
	int64_t value[N_COLUMNS];	  /* a diff: B minus A */
	int64_t base[N_COLUMNS];	  /* a diff: A's values */
	uint64_t frees, bytes_freed, temporary; /* a diff: since A */
	uint64_t size_min, size_max;
	uint64_t lifetime[FMT_AGE_BUCKETS]; /* a diff: of those freed since A */
	struct ages ages;		    /* live at B */
	bool churn;
};
struct profile {
	const struct snapshot *a, *b; /* a NULL: not a diff */
	struct row *row;
	size_t n_rows;
	int64_t total[2][N_COLUMNS]; /* by FMT_KIND_*, before focus and ignore */
	size_t n_churn;
	int64_t churn[N_COLUMNS]; /* sums of the rows that are churn */
	uint64_t unmatched; /* a diff: bytes of stacks with nameless frames that could not be matched */
};
struct profile_options {
	const char *focus, *ignore; /* POSIX extended regular expressions over function names, files and modules; or NULL */
	enum column sort;
	bool raw;   /* do not fold wrappers */
};
/* One snapshot, ranked. s must be symbolized (symbolize.h). */
int profile_top(struct snapshot *s, const struct profile_options *o, struct profile **out, struct err *err);
/* b minus a, matched by meaning (build id and offset, else module and function), ranked, churn marked. */
int profile_diff(struct snapshot *a, struct snapshot *b, const struct profile_options *o, struct profile **out, struct err *err);
void profile_free(struct profile *p);

/* True when a frame is an allocation wrapper (malloc, operator new, xmalloc, g_malloc, std:: internals ...): fold.c */
bool fold_is_wrapper(const struct line *line, const struct module *module);

#endif
