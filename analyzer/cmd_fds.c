/*
 * cmd_fds.c - `outlive fds`: kind_view.c does it.
 */
#include "cmd.h"
#include "kind_view.h"

int cmd_fds(int argc, char **argv)
{
	return kind_view(
	        argc, argv, KIND_FDS,
	        "Open descriptors by where they were opened, what they name now; and closes of "
	        "what was closed\n"
	        "before, or belonged to somebody else. At the end of the process those still open "
	        "are leaks.",
	        "outlive fds outlive.server.4711.2.snap\n"
	        "outlive fds --base outlive.server.4711.1.snap outlive.server.4711.2.snap\n"
	        "outlive fds --json outlive.server.4711.2.snap | jq '.rows[] | select(.leak)'");
}
