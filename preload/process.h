/*
 * process.h - what this process is, and how its images begin and end: shall it be profiled, is it
 * still the process that started (fork, vfork), and its last snapshot.
 *
 * Nothing here takes a lock, allocates or touches errno, so all of it may be used in a signal
 * handler, except where "at start" is said.
 */
#ifndef OUTLIVE_PROCESS_H
#define OUTLIVE_PROCESS_H

#include <stdbool.h>

#include "seccomp.h"

/*
 * At start, in the first hooked call, after options_init(): remembers who we are. False: this
 * process is not to be profiled (`only`, `follow`), and hooks only forward.
 */
bool process_early(void);
/* At start, in the constructor, after snapshot_init(): the end of the process, signals, the control
 * page, polling. */
void process_init(void);

/*
 * True in the process whose tables these are. False in a child that borrows our memory (vfork,
 * clone with CLONE_VM): nothing may be recorded or written there. A fork child that nobody has told
 * us of yet (_Fork, raw system call) is told apart here and then is a process of its own. One
 * system call.
 */
bool process_is_ours(void);
/*
 * The same for who is called often: the system call is made only from the moment on when a call
 * that can make a child which borrows our memory was seen (hook_share.c; libc's own, behind
 * posix_spawn, make no hooked call there).
 */
bool process_owns_tables(void);
extern bool g_process_shares __attribute__((visibility("hidden")));
/* The calling thread may ask the program's allocator for figures, where it is known not to be a
 * signal handler. False in the child of a fork that the allocator was not told of. */
bool process_may_ask_allocator(void);
/* Finds a fork child that nobody told us of. No system call where nothing happened. */
void process_check_fork(void);
/* fork's child, from pthread_atfork: every part of outlive starts its own account. */
void process_fork_child(void);

/* The end of this image: its last snapshot. reason: FMT_REASON_*; status: of an exit, or -1. */
void process_end(unsigned reason, int signal_number, int status);

/* _exit and its like. */
void process_quick_end(int status);
/* quick_exit tells its handlers nothing, but its status belongs into the snapshot. */
void process_quick_status(int status);

/*
 * Around an exec function. Before: the last snapshot, and the signal mask and dispositions that the
 * next image inherits are what the program believes they are. True: process_exec_failed() must be
 * called if the image is still there afterwards.
 */
bool process_exec(void);
void process_exec_failed(void);

/*
 * Around a call that sets a seccomp filter: a struct sock_fprog, or the strict mode; for all
 * threads or the calling one. Would it kill for what we do, begin writes a snapshot, for it is the
 * last that can be written, and withdraws all that we have in the process; would it bar programs
 * that begin with us, these begin without (barred.h). What begin returns, end is given, and whether
 * the filter was set.
 */
struct process_filter {
	enum seccomp_effect effect;
	bool borrowed; /* in a child that shares our memory: of that alone */
};
struct process_filter process_filter_begin(const void *filter, bool strict, bool all_threads);
void process_filter_end(struct process_filter filter, bool set);

/* daemon() forks inside libc, and the parent leaves without a call that we see. */
void process_daemon(bool begins);

#endif
