/*
 * snap.h - what the files of the snapshot writer share; nobody else includes it.
 *
 *     snapshot.c     whose turn it is, the child, the end of a process
 *     snap_scratch.c memory of the writing
 *     snap_copy.c    what a copy of the process tells of its end
 *     snap_child.c   clone, stacks, signals: a place to write from in any context
 *     snap_file.c    folder, names, keep; what a person is told when it fails
 *     snap_write.c   records: varints, CRC, buffer
 *     snap_tables.c  modules, nodes, threads and sites into records
 *     snap_maps.c    the program's own mappings
 *     snap_tasks.c   threads and timers; snap_waits.c: what threads wait for; snap_stands.c: where
 *                    they stand in the program, and since when
 *     snap_trace.c   what they have waited for
 *     snap_fds.c     descriptors, held against the kernel's list; snap_socket.c: what a socket is
 *     snap_tally.c   sums of the live table by site and age
 *     snap_info.c    who, when, why; losses and memory
 *     snap_allocator.c  what the program's allocator says of itself
 *     snap_reach.c   what a scan of reach.h found
 *     snap_tests.c   tests, and what was made in each
 *
 * "The child" below is whoever runs write_snapshot(): mostly a process that shares our memory but
 * has no TLS of its own. So none of these functions uses TLS, errno, a lock, or libc beyond memcpy,
 * memset, memcmp and strlen; unless it says "parent".
 */
#ifndef OUTLIVE_SNAP_H
#define OUTLIVE_SNAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "format.h"
#include "snapshot.h"
#include "stack_far.h"

struct block;

/* ---- snap_write.c ---- */

#define SNAP_BUFFER   (256u << 10)
#define SNAP_ITEM_MAX (64u << 10) /* no item is larger */

/* A file being written. The first error stays in `error`; all else then does nothing. */
struct snap_out {
	int fd, error;
	uint8_t *buf;        /* SNAP_BUFFER bytes */
	const uint8_t *full; /* behind it no item begins */
	size_t used;
	size_t record; /* where the open record's head stands in buf */
	uint32_t tag;  /* of the open record */
	uint32_t records;
	uint64_t written;
};

/* Fills the CRC's tables, if that is not done; snap_out_begin() does it. */
void snap_crc_init(void);
/* zlib's crc32(): goes on from crc, 0 at first. */
uint32_t snap_crc(uint32_t crc, const void *p, size_t n);

/* Starts a file in fd, with the header. */
void snap_out_begin(struct snap_out *o, int fd, uint8_t *buf);
/* So many bytes are about to come: their pages at once cost less than one by one. */
void snap_out_expect(struct snap_out *o, uint64_t bytes);
void snap_record(struct snap_out *o, uint32_t tag);
/* Before each item: makes room for SNAP_ITEM_MAX bytes, if need be by ending the record and opening
 * another with the same tag. */
void snap_item_anew(struct snap_out *o);
static inline void snap_item(struct snap_out *o)
{
	if (o->buf + o->used > o->full)
		snap_item_anew(o);
}
void snap_u(struct snap_out *o, uint64_t v);
/*
 * The same for items of which there are very many: at = snap_item_at(o), then at = snap_u_at(at, v)
 * for each number, then snap_item_done(o, at). Numbers only.
 */
static inline uint8_t *snap_item_at(struct snap_out *o)
{
	snap_item(o);
	return o->buf + o->used;
}
static inline uint8_t *snap_u_at(uint8_t *at, uint64_t v)
{
	for (; v >= 128; v >>= 7)
		*at++ = (uint8_t)(v | 128);
	*at++ = (uint8_t)v;
	return at;
}
/* One below 2^28, without a branch that depends on it; to be written once or several times. Up to
 * three bytes behind it are overwritten. */
struct snap_u28 {
	uint32_t bytes, n;
};
static inline struct snap_u28 snap_u28(uint32_t v)
{
	static const uint32_t more[] = {0, 0x80, 0x8080, 0x808080};
	uint32_t bytes = v + 3 * (v & 0xfffc000), last;

	bytes += bytes & 0x3f803f80;
	last = (31u ^ (unsigned)__builtin_clz(bytes | 1)) / 8;
	return (struct snap_u28){bytes | more[last], last + 1};
}
static inline uint8_t *snap_u28_at(uint8_t *at, struct snap_u28 v)
{
	memcpy(at, &v.bytes, sizeof(v.bytes));
	return at + v.n;
}
static inline void snap_item_done(struct snap_out *o, const uint8_t *at)
{
	o->used = (size_t)(at - o->buf);
}
/* Between two items, for both of that. */
static inline uint8_t *snap_item_next(struct snap_out *o, uint8_t *at)
{
	if (at <= o->full)
		return at;
	snap_item_done(o, at);
	snap_item_anew(o);
	return o->buf + o->used;
}
void snap_mem(struct snap_out *o, const void *p, size_t n);
void snap_str(struct snap_out *o, const char *s);
void snap_record_end(struct snap_out *o);
/* The last record, and what is still in the buffer. 0 or -errno. */
int snap_out_end(struct snap_out *o);

/* ---- snap_tally.c ---- */

/* What is found out about one site; counters copied in an order that keeps sums from going
 * negative. */
struct snap_site {
	uint64_t allocs, bytes, frees, bytes_freed, temporary, live_bytes;
	uint32_t live_blocks;
	uint32_t ages; /* first of its entries, 0 none */
};
struct snap_age {
	uint32_t key; /* site's number from 1, then 8 bits of bucket; after the walk: next entry,
	                 bucket */
	uint32_t blocks;
	uint64_t bytes;
};
/* Sampled mode: what a site's live blocks stand for. */
struct snap_weight {
	uint64_t objects, bytes; /* as in struct sample_weight */
};
/* Of one site: blocks and bytes by FMT_REACH_*. */
struct snap_reach {
	uint64_t bytes[6];
	uint32_t blocks[6];
	uint32_t owner, votes; /* the site that holds most of the indirectly lost */
	uint32_t item;         /* the site's number in the file, 0 none */
};
struct snap_tally {
	uint32_t first, count; /* holds the sites first .. first + count - 1 */
	uint32_t room;         /* how many it can hold at a time */
	uint32_t tick;         /* now */
	bool is_used;          /* what follows is not all zero */
	struct snap_site *sites;
	struct snap_age *ages;       /* NULL: no memory, sites then have no ages */
	struct snap_weight *weights; /* NULL: exact, or no memory: blocks count for themselves */
	struct snap_reach *reach;    /* [room], NULL: no scan */
	uint32_t n_ages, age_slots;
	uint64_t blocks, bytes; /* all that the last walk showed, in whichever site; weighed */
};

/* Room for `sites` sites at a time, for fewer when memory is short; never for none. */
void snap_tally_begin(struct snap_tally *t, uint32_t sites, uint32_t tick);
/* Fills in the sites from `first` on, at most to `last`: t->count of them. */
void snap_tally_take(struct snap_tally *t, uint32_t first, uint32_t last);
/* A site's ages: fills in at most 256, buckets ascending, the bucket in key. Returns how many. */
unsigned snap_tally_ages(const struct snap_tally *t, const struct snap_site *s,
                         struct snap_age *out);
/* What a site's live blocks count for: see snap_age for their ages, which are scaled alike. */
struct snap_weight snap_tally_live(const struct snap_tally *t, const struct snap_site *s);
void snap_tally_end(struct snap_tally *t);

/* ---- snap_file.c ---- */

struct snap_name {
	char folder[3072]; /* absolute */
	char stem[64];     /* "outlive.<command>.<pid>." */
	char temp[4096], path[4096];
	uint32_t number;
	int fd;
};

/* Parent: resolves `out`, while the current folder and root are those of the start. */
void snap_file_init(void);
/* Parent, after fork: names and counts from the beginning. */
void snap_file_restart(void);
/* Makes the folder if it is missing, and a temporary file in it: n->fd. 0 or -errno. */
int snap_file_open(struct snap_name *n, uint32_t pid, uint64_t unique);
/* Gives the file its name, never one that is taken, and removes what `keep` does not keep; aside:
 * `keep` does not know of this one. */
int snap_file_commit(struct snap_name *n, bool aside);
/* Parent: another process has given a file that name. */
void snap_file_adopt(struct snap_name *n, bool aside);
/* The same for the one of the peak: it replaces this image's own before it, and nobody else's. */
int snap_file_commit_peak(struct snap_name *n);
void snap_file_discard(struct snap_name *n);
/* One line to the person, once for each reason; and into line. */
void snap_file_explain(const struct snap_name *n, int error, char *line, size_t size);
extern char g_snap_command[16] __attribute__((visibility("hidden")));

/* ---- snap_child.c ---- */

/*
 * Runs fn in a child that shares our memory, on a stack of its own. Signals are blocked. *pid is
 * set before the child runs. When the child crashes, crashed() runs in it instead. Pid or -errno.
 */
long snap_child_start(void (*fn)(void), void (*crashed)(void), uint32_t *pid, bool copy);
/* In the child, as early as can be: gives up its copies of the program's descriptors. */
void snap_child_close(void);
/* The same in the calling thread, on that stack. */
void snap_run_here(void (*fn)(void));
/* The same for what may come to a fault, in a process of one thread. False: it has, or the program
 * has locked itself in. */
bool snap_run_guarded(void (*fn)(void));
/* Parent, at start: the stack; and which seccomp filters were there before the program's own. */
int snap_child_init(void);
/* False where the program has locked itself in since: a filter may kill whoever calls clone. */
bool snap_child_allowed(void);

/* ---- snap_tables.c, snap_info.c, snap_allocator.c ---- */

/* What the thread that takes a snapshot was in when a signal of ours came. */
struct snap_own {
	bool waits;
	uint64_t call, args[6], switches; /* call: plus 1 */
	uint32_t n;
	struct stack_far_frame frame[STACK_FAR_MOST];
};

/* The snapshot being written: one at a time. */
struct snap_job {
	struct snapshot_request request;
	char label[128];
	uint32_t pid, ppid, sequence, failed;
	uint32_t thread;                                 /* that took it */
	uint64_t time_ns, uptime_ns, begin_ns, start_ns; /* time, start: since 1970 */
	uint32_t tick;
	bool forked;
	struct snap_own own;
	bool is_copy; /* who writes has a copy of the memory: reach.h */
	/* "/proc/<number>" of the program as this /proc numbers it; "" where there is none */
	char proc[32];
	/* found out while writing, for the audit */
	uint32_t fds, fds_unseen, fds_vanished, threads_unseen, threads_vanished;
	uint64_t live_blocks, live_bytes;
	uint32_t stacks, nodes;
	uint32_t sites; /* items so far */
};

int snap_tables(struct snap_out *o, struct snap_job *j);

/* What the file holds: references beyond it are written as unknown. */
struct snap_bounds {
	uint32_t sites, map_sites, contexts, stacks, nodes, modules;
};
/* A stack's innermost node, as a varint. */
void snap_put_node(struct snap_out *o, const struct snap_bounds *have, uint32_t stack);
/* A function by its entry: module and link-time address. */
void snap_put_function(struct snap_out *o, const struct snap_bounds *have, uintptr_t at);
/* From sys_now_ns() to ns of uptime; 0 for what was before the start. */
uint64_t snap_uptime(const struct snap_job *j, uint64_t ns);
/* The entries of a folder that are numbers. *fd is the folder's own descriptor meanwhile. */
void snap_each_number(const char *folder, int *fd, void (*fn)(uint32_t number, void *arg),
                      void *arg);
/* 2 ms, for who is between the kernel and the tables. */
void snap_moment(void);
/* Is there anything that a scan has found? */
bool snap_reach_is_there(void);
/* Adds a block to its site's sums. */
void snap_reach_add(struct snap_reach *r, uintptr_t address, const struct block *b);
/* The sums of the sites of t that are in the file. */
void snap_reach(struct snap_out *o, const struct snap_tally *t, const struct snap_bounds *have);
/* Threads that will never go on. */
void snap_stuck(struct snap_out *o, const struct snap_bounds *have);
/* Their keys: a record of its own, for it is known late; and in the record that is open. */
void snap_reach_info(struct snap_out *o);
void snap_reach_audit(struct snap_out *o, const struct snap_job *j);
void snap_maps(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have);
void snap_tasks(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have);
/* /proc/<program>/task/<tid>/<file>; what there is of it, ended by NUL. */
long snap_task_file(const struct snap_job *j, uint32_t tid, const char *file, char *buf,
                    size_t size);
/* snap_waits.c: what the threads of the kernel's list wait for. */
void snap_waits(struct snap_out *o, const struct snap_job *j);
/* "nr 0xa 0xb 0xc 0xd 0xe 0xf 0xsp 0xpc": the call plus 1, its arguments, sp and pc. False:
 * "running", or in no call. */
bool snap_call_parse(const char *text, uint64_t value[9]);
/* How often the thread has gone to sleep, 0 unknown. */
uint64_t snap_switches(const struct snap_job *j, uint32_t tid);
/* snap_clock.c: after begin, for how many ns a thread that sleeps has not run, at least, and 1
 * more; 0 not told. The child goes to the processor where that was, if it may run there, and back.
 */
void snap_clock_begin(void);
uint64_t snap_idle(const struct snap_job *j, uint32_t tid);
/* snap_stands.c: with the turn, before the child is made: fills in j->own. */
void snap_own_look(struct snap_job *j);
void snap_stands(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have);
/* snap_trace.c: what they have waited for. */
void snap_trace(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have);
void snap_trace_info(struct snap_out *o);
void snap_timers(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have);
/* While the child has the program's descriptors: what they are. Then snap_fds(), then
 * snap_fds_done(). */
void snap_fds_look(void);
void snap_fds(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have);
void snap_fd_timers(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have);
void snap_fds_done(void);
/* What was made in which test. */
void snap_tests(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have);
/* Fills in j->proc. */
void snap_find_proc(struct snap_job *j);
/* Parent, at start: what does not change, or cannot be read later (chroot, overwritten arguments).
 */
void snap_info_init(void);
void snap_info(struct snap_out *o, const struct snap_job *j);
void snap_audit(struct snap_out *o, const struct snap_job *j);
/* The allocator's part of that, inside the record. */
void snap_audit_allocator(struct snap_out *o, const struct snap_job *j);
/* Path of the module whose malloc serves the program, and of one that it finds before ours ("": the
 * program itself); NULL where there is none. */
const char *snap_allocator_path(void);
const char *snap_allocator_unseen(void);
/* An item: a key and its number. */
void snap_pair(struct snap_out *o, unsigned key, uint64_t v);
void snap_pair_str(struct snap_out *o, unsigned key, const char *s);

/*
 * A child that has a copy of the memory (reach.h) cannot note its end where the parent looks: it
 * does so in a page that both share. Parent: ready, before the copy is made (false: no memory);
 * result, after its end (false: it could not tell; *name is as far as it came).
 */
bool snap_copy_ready(void);
bool snap_copy_result(struct snap_name *name, int *result);
void snap_copy_fork_child(void);
/* Parent: for how long its threads stood still, and how long the clone took, which the copy can
 * know only by this page. */
void snap_copy_set_frozen(uint64_t frozen_ns, uint64_t clone_ns);
/* The copy. */
void snap_copy_frozen(uint64_t *frozen_ns, uint64_t *clone_ns);
void snap_copy_begun(const struct snap_name *name);
void snap_copy_ended(const struct snap_name *name, int result);

/* Memory of the writing that must be given back if the child dies. NULL when there is none. */
void *snap_scratch(size_t bytes);
void snap_scratch_free(void *p);
void snap_scratch_free_all(void);

#endif
