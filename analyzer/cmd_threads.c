/*
 * cmd_threads.c - `outlive threads`: kind_view.c does it.
 */
#include "cmd.h"
#include "kind_view.h"

int cmd_threads(int argc, char **argv)
{
	return kind_view(
	        argc, argv, KIND_THREADS,
	        "Threads by where they were created: alive, or ended and never joined (each such "
	        "one keeps its\n"
	        "stack, 8 MB of address space). At the end of the process those still running are "
	        "leaks, too.",
	        "outlive threads outlive.server.4711.2.snap\n"
	        "outlive threads --base outlive.server.4711.1.snap outlive.server.4711.2.snap\n"
	        "outlive threads --older 10m outlive.server.4711.*.snap\n"
	        "outlive threads --json outlive.server.4711.2.snap | jq '.rows[] | select(.leak)'");
}
