/*
 * reach.c - see reach.h. Decides whether a scan can be had, holds the moment, and keeps what was
 * found. Context: the end of the process and snapshot_take(), that is any thread, signal handlers
 * included; no libc, no lock but the map's, which is let go before the program goes on.
 */
#include "reach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "context.h"
#include "format.h"
#include "live.h"
#include "map.h"
#include "mem.h"
#include "options.h"
#include "process.h"
#include "reach_index.h"
#include "reach_maps.h"
#include "reach_mark.h"
#include "reach_memory.h"
#include "reach_roots.h"
#include "reach_stuck.h"
#include "signals.h"
#include "snapshot.h"
#include "spare.h"
#include "stop.h"
#include "sys.h"

#define SECOND          1000000000ull
#define STOP_DEADLINE   (SECOND / 5)
#define HOLD_TRIES      20
#define EXIT_DEADLINE   (30 * SECOND) /* an ending program waits for us */
#define SIGNAL_DEADLINE (8 * SECOND)
#define LIVE_DEADLINE   (120 * SECOND)

struct reach_env g_reach_env;
struct reach_report g_reach_report;
bool g_reach_at_exit;

static uint32_t g_begun;    /* an end has been marked, or is being */
static uint32_t g_inherits; /* blocks born up to this tick are the parent's of a fork; 0 none */
static struct stop g_stop;
static const void *g_frame; /* where the asking thread's stack begins that counts */

void reach_init(const struct reach_env *env)
{
	const char *when = g_options.reach;

	g_reach_env = *env;
	g_reach_at_exit = !strcmp(when, "exit");
	if (!g_reach_at_exit && *when && strcmp(when, "off"))
		sys_log("reach: off or exit, not ", when, "");
}

static void forget(void)
{
	reach_stuck_free();
	reach_mark_free();
	reach_index_free();
	reach_maps_free();
	g_reach_report = (struct reach_report){.state = REACH_NOT_ASKED};
}

void reach_fork_child(void)
{
	forget();
	g_begun = 0;
	g_reach_env.pid = (uint32_t)sys_getpid();
	/* Threads that are not here held some of what came along: nobody can tell what is lost. */
	g_inherits = context_tick() + 1;
	/* What is born from here on is not mistaken for that, however soon it comes. */
	context_skip(2);
}

/* ---- no ---- */

static void refuse(const char *a, const char *b)
{
	struct reach_report *r = &g_reach_report;
	struct text t = TEXT(r->why);

	r->state = REACH_REFUSED;
	text_str(&t, a);
	text_str(&t, b);
}

static void refuse_error(const char *what, int error)
{
	char number[24];
	struct text t = TEXT(number);

	if (error == -ENOMEM) {
		refuse(what, ": out of memory");
		return;
	}
	text_str(&t, ": errno ");
	text_u64(&t, (uint64_t)-error);
	refuse(what, number);
}

/* What makes any verdict wrong, whatever the scan would find. */
static bool can_be_right(void)
{
	struct context_audit audit;

	context_audit(&audit);
	if (!ARCH_STOP)
		refuse("where pointers may lie is known of x86-64 alone", "");
	else if (!track_has(TRACK_HEAP))
		refuse("the heap is not recorded (families)", "");
	else if (!track_has(TRACK_MMAP))
		refuse("the program's mappings are not recorded (families), and may hold pointers",
		       "");
	else if (g_options.sample)
		refuse("only a sample of the blocks is recorded, and the others may hold them", "");
	else if (audit.lost[FMT_AUDIT_LOST_REENTRANT] | audit.lost[FMT_AUDIT_LOST_NO_MEMORY])
		refuse("some blocks are missing in the tables, and may hold others", "");
	else if (map_lost())
		refuse("some mappings are missing in the tables, and may hold pointers", "");
	else
		return true;
	return false;
}

static bool all_seen(const struct stop *s)
{
	for (uint32_t i = 0; i < STOP_LOSSY_BITS; i++)
		if (s->lossy >> i & 1) {
			refuse(stop_lossy(1u << i), "");
			return false;
		}
	return true;
}

/* ---- hold the moment ---- */

/* A child has none, and a debugger cannot ask for another's. */
static void note_alternate_stack(void)
{
	stack_t s;

	if (sys_call(SYS_sigaltstack, NULL, &s) || s.ss_flags & SS_DISABLE)
		return;
	g_stop.self.altstack = (uintptr_t)s.ss_sp;
	g_stop.self.altstack_bytes = s.ss_size;
}

/* Most processes that end have no other thread: then nobody need be stopped, and it can be done
 * under a debugger, too. False: they have, or it is not known. */
static bool is_alone(void)
{
	struct stat st;

	/* The folder has a link for each thread. */
	if (t_signals_interrupted || sys_stat("/proc/self/task", &st) < 0 || st.st_nlink != 3)
		return false;
	g_stop = (struct stop){.n_stopped = 0};
	g_stop.self.tid = (int32_t)sys_gettid();
	g_stop.self.regs.fs_base = arch_thread_base();
	note_alternate_stack();
	return true;
}

/* True: all stand still. *again: not now, but perhaps in a moment. */
static bool try_hold(bool *again)
{
	int r;

	*again = false;
	g_stop = (struct stop){.interrupted = t_signals_interrupted};
	if ((r = stop_prepare(&g_stop))) {
		refuse(stop_refusal(r), "");
		return false;
	}
	if (!map_hold()) {
		refuse("a thread was interrupted while it mapped memory", "");
		stop_free(&g_stop);
		return false;
	}
	if (!(r = stop_all(&g_stop, sys_now_ns() + STOP_DEADLINE)) && all_seen(&g_stop)) {
		note_alternate_stack();
		return true;
	}
	if (r)
		refuse(stop_refusal(r), "");
	*again = !r && !(g_stop.lossy & ~(uint32_t)(STOP_LOSSY_SLEEP | STOP_LOSSY_LATE));
	stop_release(&g_stop);
	map_let_go();
	stop_free(&g_stop);
	return false;
}

/* A thread that faults a page in, or waits for another's mmap, is in uninterruptible sleep, too,
 * but not for long. */
static bool hold(void)
{
	struct timespec a_while = {0, 5000000};
	bool again = true;

	for (int tries = 0; tries < HOLD_TRIES && again; tries++) {
		if (tries)
			sys_call(SYS_nanosleep, &a_while, NULL);
		if (try_hold(&again)) {
			g_reach_report.why[0] = 0;
			g_reach_report.state = REACH_NOT_ASKED;
			return true;
		}
	}
	return false;
}

static void let_go(void)
{
	struct reach_report *r = &g_reach_report;

	stop_release(&g_stop);
	map_let_go();
	r->frozen_ns = g_stop.first_ns ? g_stop.running_ns - g_stop.first_ns : 0;
	stop_free(&g_stop);
}

/* ---- in the child ---- */

static bool blocks_present(bool is_copy)
{
	/* Where memory is shared, such a block is one whose end was not seen. */
	if (!is_copy || !g_reach_marks.absent)
		return true;
	refuse("a copy of the process does not get some pages that blocks lie on (MADV_DONTFORK)",
	       "");
	return false;
}

static void mark(bool is_copy, uint64_t patience)
{
	struct reach_report *r = &g_reach_report;
	uint64_t begin = sys_now_ns();
	int error;

	if (!g_stop.interrupted) {
		/* Below the frame are our own calls, on what they have not overwritten of the
		 * program's dead ones. */
		memset(g_stop.self.regs.gp, 0, sizeof(g_stop.self.regs.gp));
		g_stop.self.regs.sp = (uintptr_t)g_frame - REACH_SAVED + MEM_RED_ZONE;
	}
	if (g_stop.count)
		r->way = g_stop.way == STOP_BY_PTRACE ? "ptrace" : "signal";
	r->threads = g_stop.count + 1;
	if (!reach_memory_is_little() && reach_memory_is_short(r->why, sizeof(r->why))) {
		r->state = REACH_REFUSED;
		return;
	}
	if ((error = reach_maps_read())) {
		refuse_error("/proc/self/maps cannot be read", error);
		return;
	}
	if (g_reach_maps.is_go) {
		refuse("a part of the program is written in Go, which keeps pointers where nobody "
		       "sees them",
		       "");
		return;
	}
	if (g_reach_maps.requests) {
		refuse("blocks may be held by requests that the kernel has, by ",
		       g_reach_maps.requests);
		return;
	}
	reach_roots_set(&g_stop);
	if ((error = reach_index_build(g_inherits))) {
		refuse_error("the live blocks cannot be sorted", error);
		return;
	}
	r->index_ns = sys_now_ns() - begin;
	error = reach_mark_all(reach_roots, begin + patience);
	r->mark_ns = sys_now_ns() - begin;
	r->blocks = g_reach_index.n;
	r->absent = g_reach_marks.absent;
	r->words = g_reach_marks.words;
	r->memory = g_reach_index.memory + g_reach_maps.memory + g_reach_marks.memory;
	if (error == -ETIME)
		refuse("marking took too long", "");
	else if (error)
		refuse_error("marking failed", error);
	else if (blocks_present(is_copy)) {
		r->state = REACH_MARKED;
		/* Without time or memory for it, none is known to be stuck. */
		reach_stuck_find(&g_stop);
	}
}

/* ---- the end ---- */

static void exit_child(void)
{
	/* A thread that waits in the signal's handler does not wait longer. */
	mark(false, g_stop.way == STOP_BY_PTRACE ? EXIT_DEADLINE : SIGNAL_DEADLINE);
}

static void exit_crashed(void)
{
	refuse("the scan crashed", "");
}

static void see_one(uintptr_t address, const struct block *b, void *any)
{
	(void)address;
	(void)b;
	*(bool *)any = true;
}

/* Most processes of a test suite are short and have little: a child would cost them more than all
 * else. False: it is to be done beside the program. */
static bool marks_of_few(bool alone)
{
	bool any = false;

	if (!alone || !reach_memory_is_little())
		return false;
	live_walk(see_one, &any);
	if (!any) {
		g_reach_report.threads = 1;
		g_reach_report.state = REACH_MARKED;
		return true;
	}
	if (snapshot_run_here(exit_child) && g_reach_report.state == REACH_MARKED)
		return true;
	/* It may find more memory, descriptors and patience in a child. */
	forget();
	return false;
}

/* With the turn to run something beside the program. */
static int exit_marks(snapshot_beside *beside)
{
	int r;

	if (!can_be_right())
		return 0;
	bool alone = is_alone();
	if (marks_of_few(alone))
		return 0;
	if (!alone && !hold())
		return 0;
	r = beside(exit_child, exit_crashed);
	if (!alone)
		let_go();
	if (r)
		refuse_error("no process can be made to mark in", r);
	return r;
}

static void look(const void *frame)
{
	__builtin_unwind_init();
	uint32_t no = 0;

	if (!process_is_ours() || !__atomic_compare_exchange_n(&g_begun, &no, 1, false,
	                                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	forget();
	if (t_self.flags & (IN_TRACKER | IN_HEAP)) {
		refuse("the program ended within malloc or free", "");
		return;
	}
	g_frame = frame ? frame : __builtin_frame_address(0);
	snapshot_with_turn(exit_marks);
}

void reach_exit(const void *frame)
{
	if (unlikely(g_reach_at_exit) && !spare_now())
		look(frame);
}

bool reach_look(const void *frame)
{
	look(frame);
	return g_reach_report.state == REACH_MARKED;
}

void reach_exit_undo(void)
{
	forget();
	__atomic_store_n(&g_begun, 0, __ATOMIC_RELEASE);
}

/* ---- a copy ---- */

bool reach_copy(const void *frame)
{
	if (g_begun)
		return false; /* what was found at the end stands */
	g_reach_report = (struct reach_report){.live = true};
	if (t_self.flags & (IN_TRACKER | IN_HEAP)) {
		refuse("the request came in the middle of malloc or free; ask again", "");
		return false;
	}
	g_frame = frame;
	return can_be_right() && hold();
}

void reach_copied(long child)
{
	struct reach_report *r = &g_reach_report;

	r->clone_ns = sys_now_ns() - g_stop.stopped_ns;
	let_go();
	if (child < 0)
		refuse_error("the kernel refuses a copy of the process", (int)child);
}

void reach_forget_request(void)
{
	if (g_reach_report.live)
		g_reach_report = (struct reach_report){.live = false};
}

/* The first to go when memory runs out, and the last to get the processor. */
static void step_back(void)
{
	int fd = sys_open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);

	if (fd >= 0) {
		sys_write_all(fd, "1000", 4);
		sys_close(fd);
	}
	sys_call(SYS_setpriority, PRIO_PROCESS, 0, 19);
}

void reach_mark_copy(void)
{
	step_back();
	mark(true, LIVE_DEADLINE);
}

/* ---- results ---- */

unsigned reach_class(uintptr_t address, const struct block *b, uint32_t *owner)
{
	const struct reach_index *x = &g_reach_index;
	uint32_t i;

	*owner = 0;
	if (g_reach_report.state != REACH_MARKED || (i = reach_index_find(address)) == REACH_NONE)
		return 0;
	uint64_t where = x->block[i].where;

	/* Another block in this place, born since. */
	if (reach_block_start(&x->block[i]) != address ||
	    reach_block_site(&x->block[i]) != b->site || reach_block_bytes(&x->block[i]) != b->size)
		return 0;
	if (g_reach_stuck.n && where & (REACH_STARTED | REACH_POSSIBLE) && !(where & REACH_ALIVE) &&
	    !(where & REACH_PARENTS))
		return FMT_REACH_BLOCKED;
	if (where & REACH_STARTED)
		return FMT_REACH_REACHABLE;
	if (where & REACH_PARENTS)
		return 0;
	if (where & REACH_POSSIBLE)
		return FMT_REACH_POSSIBLE;
	if (where & REACH_LEADER)
		return FMT_REACH_LOST;
	for (uint32_t h = i; !*owner; h = g_reach_marks.holder[h])
		if (x->block[h].where & REACH_LEADER)
			*owner = reach_block_site(&x->block[h]);
	return FMT_REACH_INDIRECT;
}

bool reach_any_lost(void)
{
	const struct reach_index *x = &g_reach_index;
	struct block b;

	if (g_reach_report.state != REACH_MARKED)
		return g_reach_at_exit;
	for (uint32_t i = 0; i < x->n; i++) {
		uintptr_t address = reach_block_start(&x->block[i]);
		uint32_t owner;

		if (x->block[i].where & (REACH_STARTED | REACH_PARENTS | REACH_POSSIBLE) ||
		    !live_find(address, &b))
			continue;
		unsigned class = reach_class(address, &b, &owner);
		if (class == FMT_REACH_LOST || class == FMT_REACH_INDIRECT)
			return true;
	}
	return false;
}
