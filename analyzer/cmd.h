/*
 * cmd.h - the verbs. cmd_<verb>(argc, argv): argv[0] is the verb; returns the exit status. One file
 * a verb; they never call one another.
 */
#ifndef OUTLIVE_CMD_H
#define OUTLIVE_CMD_H

#include "util.h"

/* V(verb, one line of help) */
#define CMD_VERBS(V)                                                                \
	V(run, "run a command with liboutlive.so before it")                        \
	V(snapshot, "write one more snapshot of a live process")                    \
	V(top, "rank what one snapshot holds")                                      \
	V(diff, "rank what grew between two snapshots")                             \
	V(threads, "threads by where they were created: alive, unjoined")           \
	V(stacks, "present stacks of a live process: what each thread waits for")   \
	V(timers, "timers by where they were created: firing, unread, not deleted") \
	V(fds, "descriptors by where they were opened; bad closes")                 \
	V(residue, "what a process has left behind")                                \
	V(check, "fail when a process has left something behind: for CI")           \
	V(rules, "what is known to stay and harmless, and why")                     \
	V(list, "source text, with what was allocated in each line")                \
	V(traces, "every stack in full")                                            \
	V(tree, "functions with their callers and callees")                         \
	V(info, "who, when, modules, losses: what a snapshot can be trusted for")   \
	V(report, "one HTML file to look at: growth, flame graphs, source")         \
	V(watch, "a live view of a process: what grows, how fast")                  \
	V(serve, "answer by HTTP: Go's /debug/pprof/, Prometheus, the report")      \
	V(export, "write a snapshot for other tools: pprof, folded stacks")

#define CMD_DECLARE(verb, help) int cmd_##verb(int argc, char **argv);
CMD_VERBS(CMD_DECLARE)
#undef CMD_DECLARE

#endif
