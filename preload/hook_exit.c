/*
 * hook_exit.c - the moment before handlers and destructors run: by a return from main, which libc
 * follows with an exit of its own that nobody sees, or by exit(). Only where the program is to be
 * marked at its end (reach.h) does main get a caller of ours. Context: the thread that ends the
 * process; exit() may be called in a signal handler, though it should not.
 */
#include "hook.h"
#include "reach.h"

static int (*g_main)(int, char **, char **);

/* What main leaves on the stack below this frame is dead; what its callers keep in registers is
 * saved in the frame, by unwind_init. */
static __attribute__((noinline)) int marked_main(int argc, char **argv, char **envp)
{
	__builtin_unwind_init();
	int status = g_main(argc, argv, envp);

	reach_exit(__builtin_frame_address(0));
	return status;
}

EXPORT int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
                             void (*init)(void), void (*fini)(void), void (*loader_fini)(void),
                             void *stack_end)
{
	hook_ready();
	if (g_reach_at_exit) {
		g_main = main;
		main = marked_main;
	}
	return real.__libc_start_main(main, argc, argv, init, fini, loader_fini, stack_end);
}

EXPORT void exit(int status)
{
	__builtin_unwind_init();
	hook_ready();
	reach_exit(__builtin_frame_address(0));
	real.exit(status);
	__builtin_unreachable();
}
