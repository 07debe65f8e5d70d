/*
 * snapshot.h - writes snapshot files. snapshot.c alone knows how (format.h is the document).
 *
 * The file is written by a short-lived child that shares our memory but not our descriptors
 * (clone with CLONE_VM, no exit signal): the program's fd numbers, offsets and locks are never
 * touched, its wait() sees no child, and the writing goes on when the program is killed. A crash of
 * the child is a failed snapshot and nothing else. Where clone is refused, and where the program
 * has set a seccomp filter for itself (which may kill for a clone), the calling thread writes.
 *
 * A snapshot that cannot be written is one line on stderr for each reason (not with quiet=yes), a
 * count in the next snapshot and on the control page; the program goes on.
 */
#ifndef OUTLIVE_SNAPSHOT_H
#define OUTLIVE_SNAPSHOT_H

#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fmt_control;

struct snapshot_request {
	unsigned reason;    /* FMT_REASON_* */
	int signal;         /* when the reason is one */
	int exit_status;    /* or -1 */
	uint32_t number;    /* of the control page's request, 0 none */
	const char *label;  /* or NULL */
	bool wait;          /* return when the file is whole (at the end of the process) */
	bool last;          /* snapshot_final() alone sets it */
	bool before_filter; /* behind which nothing can be written */
	bool reach;         /* with what reach.h finds, if that can be had */
	bool aside;         /* `keep` does not count it: who asked will remove it */
	/* Taken in a handler of ours: signals_tell(). */
	const void *interrupted; /* ucontext_t of the program's code; NULL: a hooked call took it */
	long call;               /* the system call that it was in, or -1 */
	uint64_t sleeps;         /* of this thread, without those that our signals have begun */
	/* The allocator has given back what it cached, just now: snapshot_trim(). */
	bool trimmed;
	uint64_t rss_before, rss_after;
};

/*
 * The shared page of format.h, NULL until control.c has made it. The writer fills in writer,
 * seqlock, path, sequence, completed, failed, last_errno and error; the rest belongs to control.c.
 */
extern struct fmt_control *g_control __attribute__((visibility("hidden")));

/* Once, at start (IN_TRACKER, not in a handler): folder, command name, control page. */
int snapshot_init(void);
/*
 * Writes one snapshot. Any context: a hook, a signal handler, a dying process; takes no lock that
 * the interrupted code may hold; keeps errno. One at a time: with wait it first waits for the one
 * in flight, without it returns -EBUSY. -ECHILD in a child that borrows our memory (vfork), and in
 * one of a fork that snapshot_fork_child() was not told of. 0 or -errno; without wait 0 means that
 * the writing has begun. The snapshot shows the tables of this moment or up to a few ms later.
 */
int snapshot_take(const struct snapshot_request *r);
/*
 * Calls fn when no snapshot is being written and none can be begun, with all signals blocked. fn
 * may have something run beside the program, in a child as above, and wait for its end: 0, or
 * -errno when there can be no child; crashed() runs instead of the rest when run() crashes or is
 * killed. Returns what fn returns.
 */
typedef int snapshot_beside(void (*run)(void), void (*crashed)(void));
int snapshot_with_turn(int (*fn)(snapshot_beside *beside));
/* For fn, in a process of one thread: runs it in the process itself, which costs a third of a
 * child. False: it has crashed half way, or must not be run. */
bool snapshot_run_here(void (*run)(void));
/* This image has written a file: who reads it wants to know how the image ended. */
bool snapshot_any(void);
/* Path of the last file, after a snapshot_take() that has waited: until the next one. */
const char *snapshot_path(void);
/* Reaps the writing child when it is done; cheap when there is none. Any context, as take. */
void snapshot_reap(void);
/* True while a child writes. */
bool snapshot_busy(void);
/* The last one of this image, once: exit, signal, exec, abort all come here and the first wins; the
 * others return when it is written. It always waits. exec can fail: snapshot_final_undo() lets the
 * process have another. */
void snapshot_final(const struct snapshot_request *r);
void snapshot_final_undo(void);
/* fork's child: its own name, sequence from 1, its own control page at the next safe point. */
void snapshot_fork_child(void);

/*
 * What the program's allocator is, for the audit; each may be NULL. init.c knows the originals, the
 * writer does not look symbols up.
 */
struct snapshot_allocator {
	const void *malloc; /* the function that serves the program */
	struct mallinfo2 (*mallinfo2)(void);
	int (*mallctl)(const char *, void *, size_t *, void *, size_t);
	/* Path of the module in which the program finds a malloc before ours: its heap is not
	 * seen. Else NULL. */
	const char *unseen;
	/* How it is told to give back what it caches; one of these, or mallctl, is its own. */
	int (*malloc_trim)(size_t);
	void (*tc_release)(void);
	void (*mi_collect)(bool);
};
void snapshot_set_allocator(const struct snapshot_allocator *a);
/*
 * Asks the allocator for its figures. It takes locks: so from a hook only,
 * before or after the real call, never in a signal handler, nor where IN_TRACKER or IN_HEAP was
 * set. A snapshot holds these figures if it is taken within 100 ms, else it leaves them out:
 * figures of another moment would be held against its tables. Cost: mallinfo2 walks the free lists.
 * At the end of the program, when nobody has asked, it is left out where that may take more than
 * a fiftieth of the CPU time that the program has had.
 */
void snapshot_audit_refresh(bool at_end);
/*
 * Has the allocator give back what it caches (malloc_trim; jemalloc's tcache of this thread and all
 * its arenas; what tcmalloc and mimalloc have for it), and says what was resident before and after.
 * False: it has no such function that we know, or another thread is at it. From a heap hook only,
 * as above: there the program itself was ready to wait for the allocator's locks. Cost: tens of
 * milliseconds for a large heap.
 */
bool snapshot_trim(uint64_t *before, uint64_t *after);

#endif
