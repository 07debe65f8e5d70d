/*
 * cmd_timers.c - `outlive timers`: kind_view.c does it.
 */
#include "cmd.h"
#include "kind_view.h"

int cmd_timers(int argc, char **argv)
{
	return kind_view(
	        argc, argv, KIND_TIMERS,
	        "Timers by where they were created: timer_create, timerfd_create, setitimer. Leaks "
	        "are timerfds whose\n"
	        "expirations nobody reads; at the end of the process also timers that still fire "
	        "or were not deleted.",
	        "outlive timers outlive.server.4711.2.snap\n"
	        "outlive timers --base outlive.server.4711.1.snap outlive.server.4711.2.snap\n"
	        "outlive timers --json outlive.server.4711.2.snap | jq '.rows[] | select(.leak)'");
}
