/*
 * spare.c - see spare.h. Must not spare whom check_system.c does not accept, whatever was left:
 * there, too, a program is the system's by its file, and each finding by the modules of its stack.
 * So no stack may have a frame elsewhere, or be missing. Context: the end of an image.
 */
#include "spare.h"

#include <string.h>

#include "format.h"
#include "options.h"
#include "seccomp.h"
#include "snap.h"
#include "stack.h"
#include "sys.h"

static bool begins_with_one(const char *text, const char *const *of, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(text, of[i], strlen(of[i])))
			return true;
	return false;
}
#define BEGINS_WITH_ONE(text, ...)                           \
	begins_with_one(text, (const char *[]){__VA_ARGS__}, \
	                sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *))

static bool is_system_path(const char *path)
{
	return BEGINS_WITH_ONE(path, FMT_SYSTEM_FOLDERS) &&
	       !BEGINS_WITH_ONE(path, FMT_SYSTEM_OTHERS);
}

/* The file of this image never changes, and its path is asked for several times at its end. */
static bool is_system_program(void)
{
	static enum { UNKNOWN, NO, YES } g_is;
	static char path[4096]; /* the stack may be a handler's small one */

	if (g_is == UNKNOWN) {
		sys_readlink("/proc/self/exe", path, sizeof(path) - 1);
		const char *slash = strrchr(path, '/');

		g_is = slash && is_system_path(path) &&
		                       !BEGINS_WITH_ONE(slash + 1, FMT_SYSTEM_INTERPRETERS)
		               ? YES
		               : NO;
	}
	return g_is == YES;
}

static bool are_stacks_of_system(void)
{
	struct stack_stats stats;
	struct stack_node node;

	for (uint32_t i = stack_module_count(); i; i--) {
		const struct stack_module *m = stack_module(i);

		if (!(m->flags & FMT_MODULE_OUTLIVE) && !is_system_path(m->path))
			return false;
	}
	for (uint32_t i = stack_node_count(); i; i--)
		if (stack_node(i, &node) && !node.module)
			return false;
	stack_stats(&stats);
	return !stats.no_room;
}

bool spare_now(void)
{
	/* Who was started by the gate itself may be what is tested: `outlive run --check -- grep`.
	 */
	return g_options.spare && *g_options.tally && !g_options.clean &&
	       (uint64_t)sys_call(SYS_getppid) != g_options.spare && is_system_program() &&
	       seccomp_now() != SECCOMP_LOCKED_IN && !snap_allocator_unseen() &&
	       are_stacks_of_system();
}
