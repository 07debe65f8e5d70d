/*
 * format.h - THE snapshot format, the control page, the programs of the system: all that
 * liboutlive.so (which writes) and outlive (which reads) agree on. The analyzer
 * includes no other header of preload/. Includes <stdint.h> and its further parts only.
 *
 * 1. A snapshot file
 * ------------------
 * All integers are little-endian. A file is a header and then records:
 *
 *     header   8 bytes  magic "OUTLIVE\n"
 *              u16      major version (a reader refuses a newer one)
 *              u16      minor version (a reader ignores it)
 *              u32      CRC-32 of the 12 bytes before it
 *     record   u32      tag, four ASCII characters, first character in the low byte
 *              u32      CRC-32 of the tag, the length and the payload, in this order
 *              u64      payload length in bytes, at most FMT_MAX_PAYLOAD
 *              ...      payload
 *              0 to 7   zero bytes, so that the next record starts at a multiple of 8
 *
 * CRC-32 is the one of zlib and gzip (polynomial 0xEDB88320, reflected).
 * A tag whose first character is a capital may be skipped by a reader that does
 * not know it; one whose first character is small must be known, else the file
 * is refused. A record may be repeated: its items then continue those of the one
 * before (a writer with a small buffer flushes it as often as it likes). An item
 * never spans two records. The last record is "done"; a file without it was cut.
 * Writers write to a temporary name and rename, so a cut file is a damaged file.
 *
 * Inside payloads integers are varints: unsigned LEB128, 7 bits a byte, least
 * significant first, at most 10 bytes. "string" is a varint length and that many
 * bytes, not terminated, not necessarily UTF-8.
 *
 * 2. The records: see FMT_RECORDS below. Items of each:
 *
 *     info   pairs: varint key (FMT_INFO_*), then a varint or a string, by the key's type
 *     modl   varint start, varint end   run-time addresses: [start, end) covers all its segments
 *            varint bias                run-time address minus link-time address
 *            varint text_start, varint text_offset   its executable segment: run-time address and
 *                                       offset in the file (what a pprof Mapping wants)
 *            varint flags               FMT_MODULE_*
 *            varint loaded, varint unloaded   ns since the first hook; 0 = at start, still there
 *            string build_id            raw bytes, empty if it has none
 *            string path                as the loader knows it; "[vdso]"; the main program in full
 *            Modules are numbered from 1 in file order.
 *     node   varint parent              0 = root, else an earlier node: outermost frames first
 *            varint module              0 = none (JIT code, unknown)
 *            varint address             link-time address in the module; without one, at run time.
 *                                       A return address, but in frames flagged as exact.
 *            varint flags               FMT_NODE_*
 *            Nodes are numbered from 1 in file order.
 *     site   varint node                the innermost frame; 0 = stack unknown
 *            varint kind                FMT_KIND_*
 *            varint thread              number of a Thrd item, 0 = unknown
 *            varint allocs, bytes, frees, bytes_freed, temporary
 *                                       allocs and bytes: made by this thread from this stack;
 *                                       frees and bytes_freed: given back by this thread, of
 *                                       blocks from this stack, whoever made them. Summed over
 *                                       the threads they are the stack's true figures.
 *                                       temporary: of these frees, those of its latest block
 *            varint size_min, size_max  requested bytes; 0, 0 when allocs is 0
 *            varint live_blocks, live_bytes   found in the live table, made by this thread
 *            varint n, then n times: varint bucket, varint count
 *                                       lifetimes of freed blocks, fmt_age_bucket(), ascending;
 *                                       bucket 0 is not written: frees minus all others
 *            varint n, then n times: varint age_bucket, varint blocks, varint bytes
 *                                       live blocks by age at the snapshot, fmt_fine_bucket(),
 *                                       ascending; together fewer than live_blocks when there
 *                                       was no memory to tell their ages apart
 *            Nodes and threads that sites refer to stand before them in the file.
 *            With INFO_SAMPLE all these are estimates: each sample counts for 1 / p blocks of its
 *            size, p = 1 - exp(-(size + 1) / INFO_SAMPLE). Kind mmap is exact always.
 *     Samp   of a site of sampled blocks, what its estimates rest on
 *            varint site                number of the site's item in the file, from 1
 *            varint made, varint freed  samples
 *            varint objects_variance, varint bytes_variance   of the estimates of allocs and bytes
 *            varint objects_variance_freed, varint bytes_variance_freed   of frees and bytes_freed.
 *                                       Of objects in 1/256 block^2, of bytes in 1/65536
 *                                       INFO_SAMPLE^2. A freed block was in both: what lives has
 *                                       the difference, summed over the threads
 *     Rsit   what is known of a site's live blocks by a scan of all that the program can reach
 *            varint site                number of a site item, from 1 in file order
 *            varint node                of the lost blocks that hold most of the indirectly lost
 *                                       ones: the innermost frame of their stack; 0 = none
 *            varint n, then n times: varint class, varint blocks, varint bytes
 *                                       FMT_REACH_*, ascending; together fewer than live_blocks
 *                                       where blocks came after the scan
 *     Thrd   varint tid, varint n, string name   threads that had these counters in turn:
 *                                       tid and name of the latest, how many there were
 *            Numbered from 1 in file order.
 *     Task   a thread, alive or still holding its stack
 *            varint serial              its own number, from 1, never used again
 *            varint tid, varint state, varint flags   FMT_TASK_*, FMT_TASK_FLAG_*
 *            varint node                where it was created, innermost frame; 0 unknown
 *            varint creator             serial, 0 unknown
 *            varint module, varint address   of its start routine, as in node
 *            varint born, varint ended  ns of uptime; ended 0: it lives
 *            varint cpu_ns, varint stack_bytes
 *            varint thread              number of a Thrd item, 0 none
 *            string name
 *     Stuk   a thread that will never go on: it waits, without a timeout, for what no other
 *            thread can reach any more. By the scan of reach.h, of that moment
 *            varint tid, varint how     FMT_STUCK_*
 *            varint address             of the word that it waits on
 *            varint node                where it waits, innermost frame; 0 unknown
 *            varint tid                 of the thread whose end it waits for, or 0
 *            varint offset, varint bytes, varint node   of the word in its block, of the block,
 *                                       and where that was made; 0 when it waits for a thread
 *     Wait   a thread that was in a system call, or asleep in the kernel
 *            varint tid
 *            varint switches            how often it has gone to sleep: a thread with as many in
 *                                       two snapshots has waited since the first
 *            varint call                its system call's number plus 1; 0: not told
 *            6 varints                  the call's arguments; 0 without one
 *            varint, varint             of a futex that is waited on, its first 16 bytes
 *            string kernel              without a call: the kernel's function that it sleeps in
 *     Wstk   where such a thread stands in the program, and since when
 *            varint tid, varint switches   of a Wait item; with another number of switches there
 *                                       the thread has gone on in between
 *            varint flags               FMT_WAIT_FLAG_*
 *            varint idle                ns since it ran last, plus 1; 0: not told
 *            varint n, then n times: varint module, varint address, varint flags
 *                                       frames, innermost first, as in node; 0: not known
 *     Trac   with the option trace: a thread, alive or ended, whose waits are kept
 *            varint tid, varint serial, varint flags   of its Task item; serial 0: unknown
 *            varint node, varint creator, varint module, varint address, varint born, varint ended
 *            varint cpu_ns              as in Task, all of them; cpu_ns of an ended one
 *            varint waits               of 10 us or longer that it has ended, kept or not
 *            varint brief, varint brief_ns   calls that might have waited longer, and their time
 *            string name                of an ended one. Numbered from 1 in file order.
 *     Span   a wait of such a thread; of each thread the latest, in the order in which they ended
 *            varint thread              number of a Trac item
 *            varint kind                FMT_SPAN_*, and FMT_SPAN_LEFT where that is so
 *            varint object, varint other   by the kind
 *            varint begin               ns of uptime
 *            varint length              ns, plus 1; 0: it waits still
 *            varint node                where it waits, innermost frame; 0 unknown
 *     Tsum   threads that ended and were joined or detached, summed
 *            varint node, varint module, varint address   as in Task
 *            varint count, joined, detached, cpu_ns
 *            varint life_ns             sum of their lifetimes
 *     Fdsc   an open descriptor
 *            varint fd, varint kind, varint flags   FMT_FD_*, FMT_FD_FLAG_*
 *            varint node                where it was opened
 *            varint task                serial of the thread that opened it
 *            varint born                ns of uptime
 *            string names               what it is now: a path, "pipe:[ino] read end",
 *                                       "socket tcp 127.0.0.1:80 <- 127.0.0.1:4242 ESTABLISHED"
 *     Fsum   descriptors given back, summed by where they were opened
 *            varint node, varint kind, varint opened (all that were), varint closed
 *     Fbad   a bad close
 *            varint what, varint fd     FMT_BAD_*
 *            varint node                of this close
 *            varint node                of the close before, or of the opening that was hit
 *            varint count, varint last  ns of uptime
 *     Timr   a timer
 *            varint kind, varint id, varint flags   FMT_TIMER_*, FMT_TIMER_FLAG_*
 *            varint node, varint task   where it was created, serial of its creator
 *            varint born                ns of uptime
 *            varint interval_ns, varint remaining_ns (0: disarmed)
 *            varint expirations         known to the kernel and not read, or overruns
 *            varint fd                  of a timerfd, plus 1; else 0
 *            varint notify              SIGEV_* plus 1, 0 unknown
 *            varint signal
 *     Tmsm   timers deleted, summed by where they were created
 *            varint node, varint kind, varint created, varint deleted
 *     Test   a span of time that the program has named (outlive.h): a test; further items with the
 *            same beginning continue it
 *            varint begin, varint end   ns of uptime; end 0: it goes on
 *            string name                empty: a checkpoint
 *            varint n, then n times: varint node, varint blocks, varint bytes
 *                                       by stack, of what was made in it, what is there still
 *            varint n, then n times: varint fd   descriptors that were opened in it
 *     Tfig   figures of such a span that began in this process
 *            varint begin, varint end, string name   as in Test
 *            varint allocs, left_blocks, left_bytes   made in it; of that, there at its end
 *            varint peak                bytes in use at its highest, above its beginning
 *     audt   pairs: varint key (FMT_AUDIT_*), varint value
 *     done   varint number of records before this one
 *
 * 3. Worked example (decoded by tests/unit/format_test.c)
 * -------------------------------------------------------
 *     4f 55 54 4c 49 56 45 0a  01 00 03 00  3a fb f1 48     header, version 1.3, CRC
 *     64 6f 6e 65              "done"
 *     7a 63 ef b9              CRC-32 of "done", the length, 00
 *     01 00 00 00 00 00 00 00  one byte of payload
 *     00                       no records before it
 *     00 00 00 00 00 00 00     padding
 *
 * 4. Changing it: a new optional record or a new key: raise FMT_MINOR. Anything that makes an
 * old reader wrong: raise FMT_MAJOR, keep reading the one before, add tests/data/v<major>_*.snap.
 */
#ifndef OUTLIVE_FORMAT_H
#define OUTLIVE_FORMAT_H

#include <stdint.h>

#define FMT_MAGIC       "OUTLIVE\n"
#define FMT_MAJOR       1
#define FMT_MINOR       3
#define FMT_HEADER_SIZE 16
#define FMT_RECORD_SIZE 16
#define FMT_MAX_PAYLOAD (1u << 26)

#define FMT_TAG(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* R(name, tag, what it holds) */
#define FMT_RECORDS(R)                                                                             \
	R(INFO, FMT_TAG('i', 'n', 'f', 'o'), "who, when, why: key and value")                      \
	R(MODULE, FMT_TAG('m', 'o', 'd', 'l'), "modules, also unloaded ones")                      \
	R(NODE, FMT_TAG('n', 'o', 'd', 'e'), "stack tree")                                         \
	R(SITE, FMT_TAG('s', 'i', 't', 'e'), "heap counters by stack and thread")                  \
	R(SAMPLED, FMT_TAG('S', 'a', 'm', 'p'), "samples behind estimates, and their variance")    \
	R(REACH, FMT_TAG('R', 's', 'i', 't'), "which live blocks are lost, by site")               \
	R(THREAD, FMT_TAG('T', 'h', 'r', 'd'), "threads that counters belong to")                  \
	R(TASK, FMT_TAG('T', 'a', 's', 'k'), "threads alive, and ended ones that hold a stack")    \
	R(STUCK, FMT_TAG('S', 't', 'u', 'k'), "threads that will never go on, with proof")         \
	R(WAIT, FMT_TAG('W', 'a', 'i', 't'), "what threads wait for")                              \
	R(WAIT_STACK, FMT_TAG('W', 's', 't', 'k'), "where they wait, and since when")              \
	R(TRACE, FMT_TAG('T', 'r', 'a', 'c'), "threads whose waits are kept")                      \
	R(SPAN, FMT_TAG('S', 'p', 'a', 'n'), "when threads waited, and for what")                  \
	R(TASK_SUM, FMT_TAG('T', 's', 'u', 'm'), "threads given back, by creation stack")          \
	R(FD, FMT_TAG('F', 'd', 's', 'c'), "open descriptors")                                     \
	R(FD_SUM, FMT_TAG('F', 's', 'u', 'm'), "descriptors opened and closed, by opening stack")  \
	R(FD_BAD, FMT_TAG('F', 'b', 'a', 'd'), "double closes, and closes of somebody else's")     \
	R(TIMER, FMT_TAG('T', 'i', 'm', 'r'), "timers")                                            \
	R(TIMER_SUM, FMT_TAG('T', 'm', 's', 'm'), "timers created and deleted, by creation stack") \
	R(TEST, FMT_TAG('T', 'e', 's', 't'), "tests, and what each has left of what it made")      \
	R(TEST_SUM, FMT_TAG('T', 'f', 'i', 'g'), "how much of the heap each test has used")        \
	R(AUDIT, FMT_TAG('a', 'u', 'd', 't'), "losses, and figures to hold the tables against")    \
	R(DONE, FMT_TAG('d', 'o', 'n', 'e'), "end of file")

#define FMT_R_ENUM(name, tag, what) FMT_##name = tag,
enum fmt_tag { FMT_RECORDS(FMT_R_ENUM) };
#undef FMT_R_ENUM

/* K(name, number, type: U varint or S string, meaning). Numbers are for ever. Unknown keys:
 * a number below 128 is a varint, from 128 on a string, so a reader can skip them. */
#define FMT_INFO_KEYS(K)                                                                \
	K(PID, 1, U, "process id as the process sees it")                               \
	K(PPID, 2, U, "parent")                                                         \
	K(SEQUENCE, 3, U, "1 for the first snapshot of this image")                     \
	K(REASON, 4, U, "FMT_REASON_*")                                                 \
	K(SIGNAL, 5, U, "the signal, when it was one")                                  \
	K(TIME, 6, U, "of the snapshot, ns since 1970")                                 \
	K(UPTIME, 7, U, "ns from the image's first hook to the snapshot")               \
	K(UID, 8, U, "effective user id")                                               \
	K(DEPTH, 9, U, "longest stack kept, in frames")                                 \
	K(SAMPLE, 10, U, "0 exact, else bytes between samples")                         \
	K(FORKED, 11, U, "1: this image came by fork, its blocks may be its parent's")  \
	K(EXIT_STATUS, 12, U, "status, when the reason is an exit that names it")       \
	K(START_TIME, 13, U, "of the image's first hook, ns since 1970")                \
	K(FAMILIES, 14, U, "what was recorded: FMT_FAMILY_*; absent: all")              \
	K(REACH, 15, U, "FMT_SCAN_*; absent: no scan was asked for")                    \
	K(THREAD, 16, U, "tid of who took it; at the end, who ended the process")       \
	K(TRACE, 24, U, "waits kept of each thread; absent: none")                      \
	K(TRACE_LOST, 25, U, "threads whose waits found no room")                       \
	K(TRACE_FORGOTTEN, 26, U, "ended threads whose waits had to make room")         \
	K(TRACE_BYTES, 27, U, "bytes that kept waits may take")                         \
	K(BEFORE_FILTER, 28, U, "1: the last before a seccomp filter was set")          \
	K(COMMAND, 128, S, "short name (comm at start)")                                \
	K(EXE, 129, S, "full path of the program")                                      \
	K(CMDLINE, 130, S, "arguments, each ended by NUL")                              \
	K(CWD, 131, S, "current folder at the snapshot")                                \
	K(VERSION, 132, S, "of liboutlive.so")                                          \
	K(OPTIONS, 133, S, "OUTLIVE_OPTIONS as it was")                                 \
	K(LABEL, 134, S, "given by who asked for the snapshot")                         \
	K(ALLOCATOR, 135, S, "path of the module that malloc is in")                    \
	K(BOOT_ID, 136, S, "kernel's boot_id: pids and clocks compare only within one") \
	K(UNSEEN, 137, S, "module whose malloc stands before ours: heap unseen")        \
	K(REACH_WHY, 138, S, "why there is no verdict, in a sentence")                  \
	K(REACH_WAY, 139, S, "by what the other threads were stopped")                  \
	K(MACHINE, 140, S, "processor, whose numbers system calls have; absent: x86-64")

#define FMT_K_ENUM(name, number, type, meaning) FMT_INFO_##name = number,
enum fmt_info_key { FMT_INFO_KEYS(FMT_K_ENUM) };
#undef FMT_K_ENUM

/* A(name, number, meaning) */
#define FMT_AUDIT_KEYS(A)                                                                      \
	A(LOST_REENTRANT, 1, "events in a signal handler that interrupted outlive itself")     \
	A(LOST_NO_MEMORY, 2, "events for which a table had no room")                           \
	A(LOST_EARLY, 3, "allocations served from the boot buffer, before the real malloc")    \
	A(LOST_NO_STACK, 4, "events counted without a stack")                                  \
	A(UNKNOWN_FREES, 5, "frees of blocks that were never seen made")                       \
	A(UNSEEN_FREES, 6, "blocks whose address came back from malloc without a free")        \
	A(TRUNCATED_STACKS, 7, "captures longer than depth")                                   \
	A(FALLBACK_STACKS, 8, "captures that needed libunwind")                                \
	A(BROKEN_STACKS, 9, "captures that ended before the outermost frame")                  \
	A(STACKS, 10, "distinct stacks")                                                       \
	A(NODES, 11, "nodes of the stack tree")                                                \
	A(RULES, 12, "unwind rules cached")                                                    \
	A(LIVE_BLOCKS, 13, "blocks in the live table; sampled: what they stand for")           \
	A(LIVE_BYTES, 14, "their requested bytes")                                             \
	A(OWN_TABLES, 15, "bytes of outlive's tables that are resident or were touched")       \
	A(OWN_ARENA, 16, "bytes of a heap of outlive's own; it has none any more")             \
	A(RSS, 17, "resident bytes of the process")                                            \
	A(RSS_PEAK, 18, "its high-water mark")                                                 \
	A(VSIZE, 19, "virtual bytes")                                                          \
	A(MALLOC_INUSE, 20, "the allocator's own count: mallinfo2 uordblks + hblkhd")          \
	A(MALLOC_ARENA, 21, "bytes that the allocator holds")                                  \
	A(JEMALLOC_ALLOCATED, 22, "stats.allocated of the target's jemalloc")                  \
	A(JEMALLOC_RESIDENT, 23, "stats.resident of the target's jemalloc")                    \
	A(THREADS_NOW, 24, "entries of /proc/self/task")                                       \
	A(WRITE_NS, 25, "time that writing this file took up to this record")                  \
	A(SNAPSHOTS_FAILED, 26, "snapshots of this image that could not be written")           \
	A(CAPTURES, 27, "stacks captured")                                                     \
	A(PREDICTED, 28, "of them, proven by a predicted record")                              \
	A(FDS_NOW, 29, "entries of /proc/self/fd")                                             \
	A(FDS_UNSEEN, 30, "of them, born by a path that no hook sees")                         \
	A(FDS_VANISHED, 31, "descriptors of the table that the kernel no longer has")          \
	A(THREADS_UNSEEN, 32, "threads of /proc/self/task that made no hooked call yet")       \
	A(THREADS_VANISHED, 33, "threads of the table that the kernel no longer has")          \
	A(LOST_THREADS, 34, "threads for which the table had no room")                         \
	A(LOST_FDS, 35, "descriptor events that could not be recorded")                        \
	A(LOST_TIMERS, 36, "timers for which the table had no room")                           \
	A(LOST_MAPS, 37, "mappings that could not be recorded")                                \
	A(TRIM_RSS_BEFORE, 38, "resident bytes before the allocator gave back what it cached") \
	A(TRIM_RSS_AFTER, 39, "and after it")                                                  \
	A(REACH_BLOCKS, 48, "live blocks that the scan saw")                                   \
	A(REACH_THREADS, 49, "threads that it saw")                                            \
	A(REACH_FROZEN_NS, 50, "time for which other threads stood still")                     \
	A(REACH_CLONE_NS, 51, "of it, making the copy of a process that goes on")              \
	A(REACH_INDEX_NS, 52, "time that sorting the live blocks took")                        \
	A(REACH_MARK_NS, 53, "time of the scan, sorting included")                             \
	A(REACH_WORDS, 54, "words that it looked at")                                          \
	A(REACH_MEMORY, 55, "bytes of memory that it took")                                    \
	A(REACH_ABSENT, 56, "live blocks of which a part is not mapped")

#define FMT_A_ENUM(name, number, meaning) FMT_AUDIT_##name = number,
enum fmt_audit_key { FMT_AUDIT_KEYS(FMT_A_ENUM) };
#undef FMT_A_ENUM

/* As the names of the option `families`. */
enum fmt_family {
	FMT_FAMILY_HEAP = 1,
	FMT_FAMILY_MMAP = 2,
	FMT_FAMILY_THREADS = 4,
	FMT_FAMILY_TIMERS = 8,
	FMT_FAMILY_FDS = 16
};

enum fmt_kind { FMT_KIND_HEAP = 0, FMT_KIND_MMAP = 1 };

enum fmt_module_flag {
	FMT_MODULE_MAIN = 1,    /* the program itself */
	FMT_MODULE_OUTLIVE = 2, /* liboutlive.so: its frames are never shown */
	FMT_MODULE_LOADER = 4,  /* ld.so */
	FMT_MODULE_UNLOADED = 8 /* dlclosed before the snapshot */
};

enum fmt_node_flag {
	FMT_NODE_EXACT = 1,  /* address is the instruction itself (interrupted by a signal), not a
	                        return address */
	FMT_NODE_SIGNAL = 2, /* the kernel's signal trampoline */
	FMT_NODE_TRUNCATED = 4, /* outermost frame kept: the stack was longer than depth */
	FMT_NODE_BROKEN = 8     /* outermost frame found: the unwinder could not go on */
};

enum fmt_task_state { FMT_TASK_RUNNING = 1, FMT_TASK_ENDED = 2 };
enum fmt_task_flag {
	FMT_TASK_FLAG_MAIN = 1,     /* the first thread */
	FMT_TASK_FLAG_DETACHED = 2, /* created so, or detached later */
	FMT_TASK_FLAG_ADOPTED = 4,  /* made by a call that we do not see (raw clone, before us) */
	FMT_TASK_FLAG_UNSEEN = 8,   /* found in /proc/self/task only; it made no hooked call */
	FMT_TASK_FLAG_NOTIFY = 16,  /* started by a timer or a message queue (SIGEV_THREAD) */
	FMT_TASK_FLAG_INTENDED = 32 /* the program says that it is meant to stay */
};

/* It took the snapshot, in a signal of ours: its switches are those that would be without such. */
enum fmt_wait_flag { FMT_WAIT_FLAG_INTERRUPTED = 1 };
/* What is waited for; object, other. */
enum fmt_span {
	FMT_SPAN_MUTEX = 1,  /* address, tid of the holder */
	FMT_SPAN_COND = 2,   /* address */
	FMT_SPAN_READER = 3, /* address of a rwlock, tid of the writer that holds it */
	FMT_SPAN_WRITER = 4,
	FMT_SPAN_SEM = 5,     /* address; of System V: 0, the set's number */
	FMT_SPAN_BARRIER = 6, /* address */
	FMT_SPAN_JOIN = 7,    /* pthread_t, serial of the thread; 0 unknown */
	FMT_SPAN_FUTEX = 8,   /* address; by syscall() */
	FMT_SPAN_READ = 9,    /* descriptor, FMT_FD_* as it was then; so all to FMT_SPAN_EPOLL */
	FMT_SPAN_WRITE = 10,
	FMT_SPAN_RECV = 11,
	FMT_SPAN_SEND = 12,
	FMT_SPAN_ACCEPT = 13,
	FMT_SPAN_CONNECT = 14,
	FMT_SPAN_FLOCK = 15,
	FMT_SPAN_MESSAGE = 16, /* of System V: the queue's number, 0 */
	FMT_SPAN_EPOLL = 17,
	FMT_SPAN_POLL = 18, /* address, how many descriptors */
	FMT_SPAN_SELECT = 19,
	FMT_SPAN_SLEEP = 20,
	FMT_SPAN_CHILD = 21, /* 0, pid; 0 or less: of a group, or any */
	FMT_SPAN_SIGNAL = 22,
	FMT_SPAN_KINDS,
	FMT_SPAN_LEFT = 128 /* beside the kind: left by longjmp or cancelled, by the end given */
};

enum fmt_stuck {
	FMT_STUCK_BLOCK = 1, /* on a mutex, condition variable or semaphore in a heap block */
	FMT_STUCK_JOIN = 2   /* for the end of another stuck thread */
};

enum fmt_fd_kind {
	FMT_FD_UNKNOWN = 0,
	FMT_FD_FILE = 1, /* regular files, and what open() gives */
	FMT_FD_SOCKET = 2,
	FMT_FD_PIPE = 3,
	FMT_FD_EPOLL = 4,
	FMT_FD_EVENTFD = 5,
	FMT_FD_TIMERFD = 6,
	FMT_FD_SIGNALFD = 7,
	FMT_FD_INOTIFY = 8,
	FMT_FD_MEMFD = 9,
	FMT_FD_PIDFD = 10,
	FMT_FD_DIRECTORY = 11,
	FMT_FD_DEVICE = 12, /* character and block devices, terminals */
	FMT_FD_OTHER = 13   /* anon_inode of some other kind */
};
enum fmt_fd_flag {
	FMT_FD_FLAG_CLOEXEC = 1,
	FMT_FD_FLAG_INHERITED = 2, /* open before the image's first hook */
	FMT_FD_FLAG_UNSEEN = 4,  /* born by a path that no hook sees: no stack, and no accusation */
	FMT_FD_FLAG_OWN = 8,     /* outlive's */
	FMT_FD_FLAG_DUP = 16,    /* made by dup and the like */
	FMT_FD_FLAG_STREAM = 32, /* a FILE or DIR stands on it */
	FMT_FD_FLAG_DELETED = 64,  /* the file has no name any more */
	FMT_FD_FLAG_LIBC = 128,    /* libc keeps it between calls: getpwent, syslog */
	FMT_FD_FLAG_INTENDED = 256 /* as FMT_TASK_FLAG_INTENDED */
};
enum fmt_bad { FMT_BAD_DOUBLE_CLOSE = 1, FMT_BAD_FOREIGN_CLOSE = 2 };

enum fmt_timer_kind { FMT_TIMER_POSIX = 1, FMT_TIMER_FD = 2, FMT_TIMER_ITIMER = 3 };
enum fmt_timer_flag {
	FMT_TIMER_FLAG_ARMED = 1,
	FMT_TIMER_FLAG_FIRED = 2, /* it has expired at least once since it was armed */
	FMT_TIMER_FLAG_INTENDED = 4
};

enum fmt_reason {
	FMT_REASON_EXIT = 1,       /* return from main, exit, last pthread_exit */
	FMT_REASON_QUICK_EXIT = 2, /* _exit, _Exit, quick_exit */
	FMT_REASON_ABORT = 3,
	FMT_REASON_SIGNAL = 4, /* a signal whose default action ends the process */
	FMT_REASON_EXEC = 5,
	FMT_REASON_DEMAND = 6, /* outlive snapshot */
	FMT_REASON_INTERVAL = 7,
	FMT_REASON_API = 8, /* outlive_snapshot() */
	FMT_REASON_GROWTH = 9,
	FMT_REASON_PEAK = 10
};

/* What the scan says of a block. */
enum fmt_reach {
	FMT_REACH_LOST = 1,     /* no pointer to it is anywhere */
	FMT_REACH_INDIRECT = 2, /* only lost blocks point to it */
	FMT_REACH_POSSIBLE = 3, /* only pointers into its middle, or into that of what holds it */
	FMT_REACH_REACHABLE = 4,
	FMT_REACH_BLOCKED = 5, /* only threads that will never go on (Stuk) can reach it */
	FMT_REACH_CLASSES = 6
};
enum fmt_scan { FMT_SCAN_DONE = 1, FMT_SCAN_REFUSED = 2 };

/* Times are kept in ticks of 2^FMT_TICK_SHIFT ns (4.2 ms): finer than the coarse clock has. */
#define FMT_TICK_SHIFT 22

/* Lifetimes, log2: bucket 0 is under one tick; bucket b >= 1 is [2^(b-1), 2^b) ticks. */
#define FMT_AGE_BUCKETS 40
static inline unsigned fmt_age_bucket(uint64_t ticks)
{
	unsigned b = ticks ? 64u - (unsigned)__builtin_clzll(ticks) : 0;

	return b < FMT_AGE_BUCKETS ? b : FMT_AGE_BUCKETS - 1;
}

/* Ages of live blocks, finer: 8 buckets an octave. Ticks 0 to 15 have a bucket each. */
static inline unsigned fmt_fine_bucket(uint64_t ticks)
{
	if (ticks < 16)
		return (unsigned)ticks;
	unsigned e = 63u - (unsigned)__builtin_clzll(ticks); /* >= 4 */
	return 16 + (e - 4) * 8 + (unsigned)(ticks >> (e - 3) & 7);
}

/* The smallest number of ticks that falls into fine bucket b. */
static inline uint64_t fmt_fine_floor(unsigned b)
{
	if (b < 16)
		return b;
	if (b > fmt_fine_bucket(UINT64_MAX))
		return (uint64_t)1 << 63;
	return (uint64_t)(8 + (b - 16) % 8) << ((b - 16) / 8 + 1);
}

#include "format_control.h"
#include "format_system.h"
#endif
