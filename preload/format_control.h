/*
 * format_control.h - the control page, the second thing on which liboutlive.so and outlive agree:
 * by it a snapshot is asked for. A part of format.h, which includes it.
 */
#ifndef OUTLIVE_FORMAT_CONTROL_H
#define OUTLIVE_FORMAT_CONTROL_H

#include <stdint.h>

/*
 * 5. The control page
 * -------------------
 * Each profiled image keeps one page in the file "<FMT_CONTROL_DIR>/outlive.<pid>.ctl" (mode 0600,
 * owned by its user; pid as in its own pid namespace), mapped shared. The file is removed at exit;
 * after SIGKILL it stays and is removed by the next reader that finds the pid gone or started at
 * another time. To ask for a snapshot the analyzer adds 1 to `requested`, then sends
 * `signal_number` with sigqueue(pid, signal_number, FMT_CONTROL_VALUE), then waits until
 * `completed` is at least its number (or `failed` changes) and reads `path` between two equal even
 * values of `seqlock`. Where no file could be made, the signal alone works, and the reader looks
 * for the new file in `out`.
 */
#define FMT_CONTROL_DIR   "/dev/shm"
#define FMT_CONTROL_MAGIC 0x4c54434556494c4full /* "OLIVECTL" */
#define FMT_CONTROL_VALUE 0x6f6c7631            /* "olv1", sigval.sival_int */
#define FMT_CONTROL_PATH  3072

/*
 * Tables of the process that a reader may look at where they lie, without its taking any notice:
 * who made which thread. Items are in chunks: item i is item i % chunk_items of chunk
 * i / chunk_items, and `chunks` is where the addresses of the chunks lie, 0 where there is none
 * yet. What is read may be of two moments: a task's serial is read before and after. All zero: not
 * told.
 */
struct fmt_table {
	uint64_t chunks;
	uint32_t chunk_items, item_bytes;
};
struct fmt_live {
	struct fmt_table task;  /* items from 0 on; serial 0: a hole */
	struct fmt_table leaf;  /* by a stack's number, from 1: u32, its innermost node */
	struct fmt_table node;  /* by a node's number, from 1 */
	struct fmt_table frame; /* by a frame's number, from 1 */
	uint64_t task_room;     /* where a u32 lies: tasks that the chunks have room for */
	/* Where in an item; u64, but tid, stack, parent and node_frame, which are u32 */
	uint16_t task_serial, task_creator, task_tid, task_stack, task_start;
	uint16_t task_born;  /* of CLOCK_MONOTONIC, ns */
	uint16_t node_frame; /* its frame in node_frame_bits, FMT_NODE_* from node_flags_shift on */
	uint16_t node_parent, node_frame_bits, node_flags_shift, frame_ip;
};

struct fmt_control {
	uint64_t magic;
	uint32_t version;       /* 1 */
	uint32_t pid;           /* in the process's own namespace */
	uint64_t start_ticks;   /* field 22 of /proc/PID/stat: tells a reused pid */
	uint32_t signal_number; /* to wake an idle process with */
	uint32_t state;         /* FMT_CONTROL_* */
	uint32_t requested;     /* written by the analyzer: atomic add */
	uint32_t completed;     /* how many requests have been answered */
	uint32_t failed;        /* snapshots that failed; `error` says why */
	uint32_t last_errno;
	uint32_t seqlock;  /* odd while path and sequence change */
	uint32_t sequence; /* of the last snapshot written */
	uint32_t writer;   /* pid of the writing child, 0 if none: the reader sees progress and
	                      crashes */
	uint32_t flags;    /* of the request, FMT_REQUEST_*; written before `requested` */
	char label[128];   /* of the request, ended by NUL; written before `requested` */
	char error[256];   /* one line */
	char path[FMT_CONTROL_PATH]; /* absolute path of the last snapshot, ended by NUL */
	/* FMT_REQUEST_TRIM: resident bytes before and after; 0 where nothing was asked to give back
	 * anything. Zeroed by the analyzer, written before `completed` */
	uint64_t trim_before, trim_after;
	/* What `outlive run --stats` shows of the heap. The analyzer adds 1 to `counts_asked`; the
	 * next hooked call that looks at the page fills in the sums, and last `counts_given`. An
	 * idle process does not, and needs not be woken for it. */
	uint32_t counts_asked, counts_given;
	uint64_t allocs, alloc_bytes, frees, free_bytes;
	struct fmt_live live;
	/* Who is about to send the signal: the analyzer adds 1, sees that the state is not OFF,
	 * sends, and takes 1 away. A process that becomes another program waits a moment for it to
	 * be 0: a signal that came after that would end what it becomes. */
	uint32_t senders;
	/* Which request the last failure was of, and 1; 1: of none. 0: not told. Before `failed` */
	uint32_t failed_request;
};

enum { FMT_CONTROL_STARTING = 0, FMT_CONTROL_READY = 1, FMT_CONTROL_OFF = 2 };
/* TRIM: the allocator gives back what it caches, first. It is served by a heap call of the program,
 * never by the signal; the flag is cleared when that is done, or by the analyzer, which has waited
 * long enough and takes the snapshot without.
 * ASIDE: `keep` does not count the file, and who asked will remove it. */
enum { FMT_REQUEST_TRIM = 1, FMT_REQUEST_REACH = 2, FMT_REQUEST_ASIDE = 4 };

#endif
